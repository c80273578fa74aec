"""The wheel holds everything that the program reads at run time."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.project.checkout import ROOT

PACKAGE = ROOT / "src" / "prompt_queue"


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Name -> content of each file in a wheel built with the locked tools, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def below(folder: Path, pattern: str) -> dict[str, bytes]:
    """Path -> content of files of the checkout."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.glob(pattern)
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("inside", "folder", "pattern"),
    [
        ("store/migrations", ROOT / "supabase" / "migrations", "*.sql"),
        ("store/sql/queries", PACKAGE / "store" / "sql" / "queries", "*.sql"),
        ("store/sql/functions", PACKAGE / "store" / "sql" / "functions", "*.sql"),
        ("samples", PACKAGE / "samples", "*.jpg"),
        ("client", PACKAGE / "client", "*.py"),
        ("web/static", PACKAGE / "web" / "static", "**/*"),
        ("web/templates", PACKAGE / "web" / "templates", "**/*.html"),
        (".", PACKAGE, "py.typed"),
    ],
)
def test_data_files_are_in_the_wheel(
    contents: dict[str, bytes], inside: str, folder: Path, pattern: str
) -> None:
    """Each file that is read at run time lies where the code looks for it, byte for byte."""
    expected = below(folder, pattern)
    assert expected
    place = Path("prompt_queue", inside)
    assert {name: contents.get((place / name).as_posix()) for name in expected} == expected


def test_the_wheel_brings_the_command_and_nothing_beside_the_package(
    contents: dict[str, bytes],
) -> None:
    """The entry point is there; tests and tools stay at home."""
    tops = {name.split("/")[0] for name in contents}
    (metadata,) = tops - {"prompt_queue"}
    assert metadata.endswith(".dist-info")
    assert b"prompt-queue = prompt_queue.cli:main" in contents[f"{metadata}/entry_points.txt"]
