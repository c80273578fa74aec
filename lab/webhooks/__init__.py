"""Webhooks to a receiver that fails, from workers that are killed."""
