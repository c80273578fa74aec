"""Hosts that are network namespaces, whose links are cut and slowed under load."""
