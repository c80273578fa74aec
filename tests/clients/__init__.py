"""The clients for Python and JavaScript."""
