"""The disk of the write-ahead log, a small tmpfs, is full for a moment; PostgreSQL panics."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import asyncpg

from lab.privilege import AS_ROOT
from lab.quota import until_enough
from lab.rig import Rig

KIND: Final = "fill the disk of the log"
TRIALS: Final = 31
_WORKERS = 3
_OPEN_JOBS = 12
_TRIAL_SECONDS = 10.0
_SIZE = "160m"
_CHUNK = bytes(1 << 20)
_SMALL = (
    "alter system set min_wal_size = '32MB'",
    "alter system set max_wal_size = '64MB'",
)
# More than the segments that are there already can hold.
_WRITE = "select pg_logical_emit_message(true, 'lab', repeat('x', 48 * 1024 * 1024))"


async def run(rig: Rig, trials: int) -> int:
    """Returns how often a write failed because the disk was full."""
    async with _small_disk(rig) as disk:

        async def fill(_: int) -> bool:
            await asyncio.sleep(rig.random.uniform(0.3, 0.8))
            await asyncio.to_thread(_ballast, disk)
            failed = await _write_fails(rig)
            await asyncio.sleep(rig.random.uniform(0.1, 0.6))
            (disk / "ballast").unlink()
            await asyncio.to_thread(_start_again, rig)
            rig.harmed(time.monotonic())
            return failed

        async with rig.crew(_WORKERS), rig.load(_OPEN_JOBS):
            return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [fill])


@contextlib.asynccontextmanager
async def _small_disk(rig: Rig) -> AsyncIterator[Path]:
    """pg_wal moves to a tmpfs of its own, and back at the end."""
    for statement in _SMALL:
        connection = await asyncpg.connect(rig.cluster.dsn)
        await connection.execute(statement)
        await connection.close()
    log, disk = Path(rig.cluster.data, "pg_wal"), rig.cluster.folder / "small"
    disk.mkdir()
    await asyncio.to_thread(rig.cluster.stop_in_order)
    await _command("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(disk))
    try:
        owner = log.stat()
        await _command("cp", "-a", f"{log}/.", str(disk))
        await _command("chown", f"{owner.st_uid}:{owner.st_gid}", str(disk))
        await _command("chmod", "700", str(disk))
        log.rename(log.with_name("pg_wal.before"))
        log.symlink_to(disk)
        await asyncio.to_thread(rig.cluster.start)
        yield disk
    finally:
        # What follows the campaign needs the log where it can stay.
        await asyncio.to_thread(rig.cluster.stop_in_order)
        log.unlink()
        log.mkdir(0o700)
        await _command("cp", "-a", f"{disk}/.", str(log))
        await _command("umount", str(disk))
        await asyncio.to_thread(rig.cluster.start)


def _ballast(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(_CHUNK):
            pass


async def _write_fails(rig: Rig) -> bool:
    try:
        await rig.look(_WRITE)
    except (asyncpg.PostgresError, OSError, asyncpg.InterfaceError):
        return True
    return False


def _start_again(rig: Rig) -> None:
    """It may have gone down, be on its way down, or have come back by itself."""
    for _ in range(100):
        if rig.cluster.accepts():
            return
        with contextlib.suppress(subprocess.CalledProcessError):
            rig.cluster.start()
        time.sleep(0.1)
    raise RuntimeError("PostgreSQL does not come back although the disk has room")


async def _command(*arguments: str) -> None:
    """As root, who alone may mount. Raises RuntimeError."""
    process = await asyncio.create_subprocess_exec(*AS_ROOT, *arguments)
    if await process.wait() != 0:
        raise RuntimeError(f"{' '.join(arguments)} failed")
