"""``python -m prompt_queue.simulator``: serve the stand-in until told to stop."""

import argparse

from prompt_queue.simulator.run import DEFAULT_API_KEY, run_simulator


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m prompt_queue.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--api-key", default=DEFAULT_API_KEY, help="the one key that is accepted")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each answer takes")
    parser.add_argument("--seed", type=int, default=1, help="seeds fault probability and jitter")
    parser.add_argument(
        "--ready-fd", type=int, default=None, help="file descriptor that is told the port"
    )
    return parser.parse_args()


def main() -> None:
    """Read the arguments and serve."""
    arguments = _arguments()
    run_simulator(
        host=arguments.host,
        port=arguments.port,
        api_key=arguments.api_key,
        latency_seconds=arguments.latency,
        seed=arguments.seed,
        ready_fd=arguments.ready_fd,
    )


if __name__ == "__main__":
    main()
