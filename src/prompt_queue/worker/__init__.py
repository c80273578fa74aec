"""The worker process: claims jobs, has them handled, settles what became of them."""
