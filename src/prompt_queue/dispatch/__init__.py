"""Prompt to picture: request bodies, one call at a time, and the flow between them."""
