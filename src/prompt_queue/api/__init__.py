"""HTTP in: every route of the API, and what they have in common."""
