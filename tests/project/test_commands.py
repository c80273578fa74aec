"""The Makefile and the script that fills the virtual environment."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project.checkout import ROOT


def run(*command: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as if no make were around it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_make_alone_lists_every_command() -> None:
    """Each target for people is in the help, with a sentence."""
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony is not None
    shown = dict(
        re.findall(r"^  make (\S+) +(\S.*)$", run("make").stdout, re.M),
    )
    assert set(shown) == set(phony[1].split()) - {"fresh"}
    assert all(len(sentence) > 10 for sentence in shown.values())


@pytest.mark.parametrize(
    ("target", "arguments", "command"),
    [
        ("up", "--port 8080 --data-dir DIR", "prompt-queue up --port 8080 --data-dir DIR"),
        ("test", "-k claim", "pytest --cov --cov-report=term -n 3 --dist worksteal -k claim"),
    ],
)
def test_make_passes_arguments_on(target: str, arguments: str, command: str) -> None:
    """ARGS reaches the command, which takes the place of its shell so that signals reach it."""
    printed = run("make", "-n", target, f"ARGS={arguments}").stdout.splitlines()
    assert printed[-1].startswith("exec ")
    assert printed[-1].endswith(command)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with the script and nothing else."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "bootstrap.sh", tmp_path / "tools")
    return tmp_path


def test_no_python_that_is_new_enough_is_one_clear_sentence(elsewhere: Path) -> None:
    """The sentence says what is needed and how to name it."""
    done = run("tools/bootstrap.sh", "runtime", cwd=elsewhere, PYTHON="false")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: prompt-queue needs Python 3.11 or newer")
    assert "make PYTHON=" in line


def test_an_environment_that_was_moved_is_not_usable(elsewhere: Path) -> None:
    """Scripts in a .venv name its folder, so a copy of the folder gets a new one."""
    programs = elsewhere / ".venv" / "bin"
    programs.mkdir(parents=True)
    assert run("tools/bootstrap.sh", "usable", cwd=elsewhere).returncode == 1
    (programs / "python").symlink_to(shutil.which("true") or "")
    assert run("tools/bootstrap.sh", "usable", cwd=elsewhere).returncode == 0
    (elsewhere / ".venv" / ".made-in").write_text("/somewhere/else\n")
    assert run("tools/bootstrap.sh", "usable", cwd=elsewhere).returncode == 1


@pytest.mark.parametrize("name", ["dev", "runtime", "build", "uv"])
def test_every_requirement_is_pinned_with_a_hash_and_names_no_registry(name: str) -> None:
    """What is installed is what was locked, from whichever registry the machine uses."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    requirements = re.split(r"^(?=[a-z])", re.sub(r"^ *#.*\n", "", text, flags=re.M), flags=re.M)
    pinned = [part for part in requirements if part.strip()]
    assert pinned
    assert all(re.match(r"[\w.\[\],-]+==\S+", part) for part in pinned)
    assert all("--hash=sha256:" in part for part in pinned)
    assert "://" not in text


def test_the_sets_of_one_environment_agree() -> None:
    """`make up` and `make test` share one .venv: no version of the one differs in the other."""

    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        return set(re.findall(r"^([\w.\[\]-]+==\S+)", text, re.M))

    assert pins("runtime") < pins("dev")
    assert pins("build") < pins("dev")
