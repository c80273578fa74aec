"""`python -m prompt_queue` is the command `prompt-queue`."""

from prompt_queue.cli import main

if __name__ == "__main__":
    main()
