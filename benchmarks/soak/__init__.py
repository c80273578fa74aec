"""Whether the queue stays as it is: many jobs, and an old snapshot held open in the middle."""
