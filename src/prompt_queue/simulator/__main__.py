"""``python -m prompt_queue.simulator``: serve the stand-in until told to stop."""

from prompt_queue.simulator.key import given_key
from prompt_queue.simulator.run import arguments, run_simulator


def main() -> None:
    """Read the arguments and serve."""
    given = arguments("prompt_queue.simulator")
    run_simulator(
        host=given.host,
        port=given.port,
        api_key=given_key(),
        latency_seconds=given.latency,
        seed=given.seed,
        ready_fd=given.ready_fd,
    )


if __name__ == "__main__":
    main()
