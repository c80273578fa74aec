"""The product as a person starts it, for a browser of the benchmark or of the pictures."""

import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

READY_SECONDS: Final = 120.0
CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@dataclass(frozen=True)
class Running:
    """Where it answers, and where its stand-in for xAI takes scripts of faults."""

    base: str
    xai_stand_in: str


@contextmanager
def running(port: int) -> Iterator[Running]:
    """`prompt-queue up` with both stand-ins, on a data directory of its own."""
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="pq-pages-") as folder:
        log = Path(folder) / "up.log"
        command = [sys.executable, "-m", "prompt_queue", "up", f"--port={port}"]
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [*command, f"--data-dir={folder}"], cwd=folder, stdout=sink, stderr=sink
            )
        try:
            _until_ready(base, process)
            said = re.search(r"stand-in for xAI listening on (\S+)", log.read_text("utf-8"))
            yield Running(base, said[1] if said else "")
        finally:
            process.terminate()
            process.wait(60)


def _until_ready(base: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/api/health/ready", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    raise SystemExit("`prompt-queue up` did not become ready.")
