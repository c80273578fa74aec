#!/usr/bin/env python3
"""Asks the server in the same container for a path: `probe /api/health/live`; exits 0 for a 200.

The server binds a loopback address, so a prober outside of the container cannot ask it.
"""

import http.client
import os
import sys

ANSWER_SECONDS = 2.0


def main(path: str) -> int:
    """The exit code: 0 for a 200, 1 for any other answer and for none."""
    port = int(os.environ.get("PROMPT_QUEUE_PORT") or "8080")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
