"""Cables between network namespaces that can be cut or made slow: two TAP devices and a thread."""

import contextlib
import fcntl
import heapq
import itertools
import os
import selectors
import struct
import threading
import time
from dataclasses import dataclass

_TUN_SET_INTERFACE = 0x400454CA
_TAP_WITHOUT_HEADER = 0x0002 | 0x1000
_FRAME = 65536
_LONGEST_PAUSE = 0.05


def open_tap(name: str) -> int:
    """A new TAP device in the present namespace; frames are read from and written to the file."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(
        device, _TUN_SET_INTERFACE, struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADER)
    )
    return device


@dataclass(slots=True)
class Cable:
    """Two ends, and what becomes of frames on the way: lost, or late by so many seconds."""

    ends: tuple[int, int]
    cut: bool = False
    delay: float = 0.0


class Cabling:
    """Carries the frames of all cables, in a thread that does nothing else."""

    def __init__(self) -> None:
        self._others: dict[int, tuple[int, Cable]] = {}
        self._late: list[tuple[float, int, int, Cable, bytes]] = []
        self._numbers = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="cables", daemon=True)

    def lay(self, near: int, far: int) -> Cable:
        """A cable between two devices. Before `start`."""
        cable = Cable((near, far))
        for this, other in ((near, far), (far, near)):
            self._others[this] = (other, cable)
            self._selector.register(this, selectors.EVENT_READ)
        return cable

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def close(self) -> None:
        """Carry no more; the devices are gone."""
        self._stopping.set()
        self._thread.join()
        self._selector.close()
        for device in self._others:
            os.close(device)

    def _carry(self) -> None:
        while not self._stopping.is_set():
            pause = _LONGEST_PAUSE
            if self._late:
                pause = min(pause, max(self._late[0][0] - time.monotonic(), 0))
            for key, _ in self._selector.select(pause):
                self._read(key.fd)
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, device, cable, frame = heapq.heappop(self._late)
                self._write(device, cable, frame)

    def _read(self, device: int) -> None:
        other, cable = self._others[device]
        while True:
            try:
                frame = os.read(device, _FRAME)
            except OSError:
                return
            if cable.delay:
                due = time.monotonic() + cable.delay
                heapq.heappush(self._late, (due, next(self._numbers), other, cable, frame))
            else:
                self._write(other, cable, frame)

    @staticmethod
    def _write(device: int, cable: Cable, frame: bytes) -> None:
        # A full queue loses frames, as a real one does.
        with contextlib.suppress(OSError):
            if not cable.cut:
                os.write(device, frame)
