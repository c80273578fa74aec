"""The fault laboratory: a queue that loses nothing and pays once, put to the test."""
