"""Ends this process when the one that started it is gone, however that one ended."""

import os
import threading

LIFELINE_VARIABLE = "PROMPT_QUEUE_LIFELINE_FD"


def _end_with(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1_024):
            continue
    finally:
        os._exit(1)


def hold_lifeline() -> None:
    """Watch the pipe that the environment names, if it names one.

    The starter holds the other end, which the kernel closes with it even after kill -9.
    Raises `ValueError` when the variable is not the number of an open file descriptor.
    """
    text = os.environ.get(LIFELINE_VARIABLE)
    if not text:
        return
    try:
        descriptor = int(text)
        os.fstat(descriptor)
    except (ValueError, OSError):
        raise ValueError(
            f"{LIFELINE_VARIABLE} is {text!r}, which is not an open file descriptor; unset it."
        ) from None
    threading.Thread(target=_end_with, args=(descriptor,), name="lifeline", daemon=True).start()
