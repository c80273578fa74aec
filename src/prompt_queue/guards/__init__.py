"""What an outside call passes on its way out: URLs, addresses, sessions, pictures, signed links."""
