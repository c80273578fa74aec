"""What ten times too many requests do to those that are let in."""
