"""What a thousand open streams cost one server, and how soon they hear."""
