"""How fast the queue is, and whether it stays so."""
