"""A primary and its synchronous standby on this machine; the primary dies under load."""
