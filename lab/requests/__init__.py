"""Generated requests from every kind of caller, for everything in the OpenAPI document."""
