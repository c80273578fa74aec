"""Workers whose clock is minutes or days off, beside workers whose clock is right."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Final

from lab.forks import Forks
from lab.guests import visit
from lab.quota import Trial, until_enough
from lab.rig import Rig

KIND: Final = "work by a wrong clock"
TRIALS: Final = 48
SKEWS: Final = ("-1d", "-5m", "+5m", "+1d")
_LIBRARY = "libfaketime.so.1"
_FOLDERS = ("/usr/lib", "/opt/homebrew/lib", "/usr/local/lib")
_OPEN_JOBS = 16
_TRIAL_SECONDS = 4.0


def library() -> str:
    """Where libfaketime is. Raises FileNotFoundError."""
    for folder in _FOLDERS:
        for path in Path(folder).glob(f"**/faketime/{_LIBRARY}"):
            return str(path)
    raise FileNotFoundError(f"{_LIBRARY} is not installed (Debian: faketime)")


async def run(rig: Rig, trials: int) -> int:
    """Returns how many workers with a wrong clock had a job."""
    async with AsyncExitStack() as stack:
        lanes = [
            _lane(rig, skew, await stack.enter_async_context(_wrong(rig, skew))) for skew in SKEWS
        ]
        await stack.enter_async_context(rig.crew(1))
        await stack.enter_async_context(rig.load(_OPEN_JOBS))
        return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, lanes)


def _wrong(rig: Rig, skew: str) -> AbstractAsyncContextManager[Forks]:
    return rig.forks.beside(
        rig.cluster.folder / "skewed.log",
        LD_PRELOAD=library(),
        FAKETIME=skew,
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )


def _lane(rig: Rig, skew: str, forks: Forks) -> Trial:
    async def work(_: int) -> bool:
        worked = await visit(rig, forks)
        rig.hits[skew] += worked
        return worked

    return work
