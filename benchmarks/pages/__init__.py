"""How fast the pages are there, and what they load."""
