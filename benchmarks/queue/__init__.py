"""The queue against bare SQL and two other queues, on one PostgreSQL, in one run."""
