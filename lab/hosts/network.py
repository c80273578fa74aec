"""Network namespaces as hosts: two networks, and a cable from each host to each of its networks.

All of it lives in a namespace of this process's own, see `alone`, and is gone with the process.
"""

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from lab.hosts.cable import Cable, Cabling, open_tap
from lab.privilege import AS_ROOT

NAMES = Path("/run/netns")
_OURS = Path("/proc/thread-self/ns/net")
_NEW_NETWORK = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def alone(module: str, arguments: Sequence[str]) -> int:
    """Run `python -m MODULE` where there is no network but its own; returns its exit code.

    The kernel removes the namespaces, the devices and the names with the last process in them.
    Only Linux has them.
    """
    command = ["unshare", "--net", "--mount", sys.executable, "-m", module, *arguments]
    return subprocess.run([*AS_ROOT, *command], check=False).returncode


class Network:
    """Hosts by name. `networks` maps a network's name to its number, as in 10.77.NUMBER.0/24."""

    def __init__(self, networks: Mapping[str, int]) -> None:
        self._numbers = networks
        self._cabling = Cabling()
        self._cables: dict[tuple[str, str], Cable] = {}
        self._addresses: dict[str, int] = {}

    def __enter__(self) -> Self:
        _ip("link", "set", "lo", "up")
        NAMES.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", str(NAMES)], check=True)
        for network in self._numbers:
            _ip("link", "add", network, "type", "bridge")
            _ip("address", "add", f"{self.own_address(network)}/24", "dev", network)
            _ip("link", "set", network, "up")
        return self

    def __exit__(self, *_: object) -> None:
        self._cabling.close()

    def add(self, host: str, *networks: str) -> None:
        """A new host with a cable to each of these networks. Before `start`."""
        self._addresses[host] = len(self._addresses) + 2
        _ip("netns", "add", host)
        _ip("-n", host, "link", "set", "lo", "up")
        for network in networks:
            here = f"{network}-{self._addresses[host]}"
            near, far = open_tap(here), open_tap("far")
            _ip("link", "set", here, "master", network, "up")
            _ip("link", "set", "far", "netns", host, "name", network)
            address = f"{self.address(host, network)}/24"
            _ip("-n", host, "address", "add", address, "dev", network)
            _ip("-n", host, "link", "set", network, "up")
            self._cables[host, network] = self._cabling.lay(near, far)

    def start(self) -> None:
        """From now on the hosts reach each other."""
        self._cabling.start()

    def address(self, host: str, network: str) -> str:
        """Where others on this network find the host."""
        return f"10.77.{self._numbers[network]}.{self._addresses[host]}"

    def own_address(self, network: str) -> str:
        """Where hosts on this network find us."""
        return f"10.77.{self._numbers[network]}.1"

    def cut(self, host: str, *networks: str) -> None:
        """Nothing comes through any more, and nobody is told."""
        for network in networks:
            self._cables[host, network].cut = True

    def slow(self, host: str, network: str, seconds: float) -> None:
        """Everything arrives so much later, both ways."""
        self._cables[host, network].delay = seconds

    def heal(self, host: str) -> None:
        """All of the host's cables are as new."""
        for (owner, _), cable in self._cables.items():
            if owner == host:
                cable.cut, cable.delay = False, 0.0

    def command(self, host: str) -> tuple[str, ...]:
        """What to write before a command that is to run on the host."""
        return ("nsenter", f"--net={NAMES / host}", "--")

    @contextlib.contextmanager
    def on(self, host: str) -> Iterator[None]:
        """The sockets that this thread opens, and the processes it starts, are the host's."""
        with _OURS.open() as ours, (NAMES / host).open() as theirs:
            _enter(theirs.fileno())
            try:
                yield
            finally:
                _enter(ours.fileno())


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    subprocess.run(["ip", *arguments], check=True, env={"PATH": path})
