"""Workers of an older commit on the newest schema, beside workers of this one."""

import asyncio
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from lab.guests import visit
from lab.quota import until_enough
from lab.rig import Rig

KIND: Final = "work beside an older version"
TRIALS: Final = 36
# The last one before the migrations of 2026-11-25, 08:00.
OLDER: Final = "b29cd83e14b7b94fe20713884678e291202ece8a"
_ROOT = Path(__file__).resolve().parents[2]
_OPEN_JOBS = 12
_LANES = 2
_TRIAL_SECONDS = 4.0


def unpack(commit: str, folder: Path) -> Path:
    """The sources of a commit. Raises CalledProcessError where the repository lacks it."""
    archive = folder / "older.tar"
    subprocess.run(
        ["git", "-C", str(_ROOT), "archive", f"--output={archive}", commit, "src", "supabase"],
        check=True,
    )
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "older", filter="data")
    return folder / "older" / "src"


async def run(rig: Rig, trials: int) -> int:
    """Returns how many older workers had a job; none where the older commit is not there."""
    try:
        source = await asyncio.to_thread(unpack, OLDER, rig.cluster.folder)
    except subprocess.CalledProcessError:
        rig.surprises.append(f"the repository lacks {OLDER}: fetch its whole history")
        return 0
    log = rig.cluster.folder / "older.log"
    async with rig.forks.beside(log, PYTHONPATH=str(source)) as older:

        async def work(_: int) -> bool:
            return await visit(rig, older)

        async with rig.crew(1), rig.load(_OPEN_JOBS):
            return await until_enough(trials, 60 + trials * _TRIAL_SECONDS, [work] * _LANES)
