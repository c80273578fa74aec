"""Proofs about the queue's SQL: interleavings, a protocol model, a state machine, mutants."""
