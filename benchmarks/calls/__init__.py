"""What a thousand calls in flight cost in one process."""
