"""The Dockerfile: its steps are run as far as they need no network, and its promises are read."""

import fnmatch
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.deploy.dockerfile import Stage, read_dockerfile
from tests.project.checkout import ROOT

DOCKERFILE = ROOT / "Dockerfile"
HADOLINT = Path(sysconfig.get_path("scripts")) / "hadolint"
PROBE = ROOT / "deploy" / "container" / "probe.py"


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    """The stage that builds, and the image."""
    found = read_dockerfile(DOCKERFILE)
    assert [stage.name for stage in found] == ["build", None]
    return found


def is_sent_to_the_builder(path: str) -> bool:
    """Whether .dockerignore lets a file through; the last rule that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        rule = line.removeprefix("!")
        parts = Path(path).parts
        if rule.startswith("**/"):
            fits = any(fnmatch.fnmatch(part, rule[3:]) for part in parts)
        else:
            fits = rule in {"*", path} or path.startswith(f"{rule}/")
        if fits:
            sent = line.startswith("!")
    return sent


def copy_into(folder: Path, sources: list[str], target: str) -> None:
    """What COPY does, with the files of the checkout that .dockerignore lets through."""
    for source in sources:
        top = ROOT / source
        for file in [top] if top.is_file() else sorted(top.rglob("*")):
            name = file.relative_to(ROOT).as_posix()
            if not file.is_file() or not is_sent_to_the_builder(name):
                continue
            below = file.relative_to(top) if top.is_dir() else Path(top.name)
            place = folder / target / below
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)


def test_hadolint_has_no_complaint() -> None:
    """The linter for Dockerfiles is content, without exceptions."""
    done = subprocess.run(
        [HADOLINT, DOCKERFILE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "hadolint ignore" not in DOCKERFILE.read_text("utf-8")


def test_the_builder_gets_what_is_copied_and_no_secret() -> None:
    """Every source of a COPY passes; a key, the environment and the tests stay at home."""
    for stage in read_dockerfile(DOCKERFILE):
        for copy in stage.all("COPY"):
            if "--from" not in copy.rest:
                assert all(is_sent_to_the_builder(source) for source in copy.copied()), copy
    for private in (".env", ".git/config", "deploy/compose/.env", "tests/conftest.py"):
        assert not is_sent_to_the_builder(private)
    assert not is_sent_to_the_builder("src/prompt_queue/__pycache__/asgi.cpython-311.pyc")


def test_the_steps_build_a_program_that_runs(stages: list[Stage], tmp_path: Path) -> None:
    """RUN lines work on the copied files alone; only the downloads are replaced by a link."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "base"], check=True, timeout=120)
    work = tmp_path / "src"
    work.mkdir()
    environment = {"PATH": f"{tmp_path}/base/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    environment |= stages[0].environment()
    for one in stages[0].instructions:
        if one.word == "COPY":
            *_, target = one.rest.split()
            copy_into(work, one.copied(), target)
        elif one.word == "RUN" and "--require-hashes" in one.rest:
            for folder in (tmp_path / "opt").glob("*/lib/python*/site-packages"):
                (folder / "dev.pth").write_text(sysconfig.get_path("purelib"))
        elif one.word == "RUN":
            step = one.rest.replace("/opt/", f"{tmp_path}/opt/")
            subprocess.run(
                ["sh", "-ec", step], cwd=work, env=environment, check=True, timeout=120,
                capture_output=True,
            )  # fmt: skip
    installed = tmp_path / "opt" / "prompt-queue"
    program = installed / "bin" / "prompt-queue"
    look = "from prompt_queue.store import migrate as m; print(m.__file__, m.migrations_folder())"
    python = [str(installed / "bin" / "python"), "-c", look]
    files = subprocess.run(python, check=True, capture_output=True, text=True, timeout=60).stdout
    assert all(place.startswith(str(installed)) for place in files.split())
    said = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.startswith("prompt-queue ")


def test_the_image_has_no_rights_and_passes_signals_on(stages: list[Stage]) -> None:
    """A numbered user, as Kubernetes wants it, and no shell between the signal and the program."""
    image = stages[-1]
    (user,) = image.all("USER")
    assert user.rest == "10001:10001"
    assert image.instructions.index(user) > image.instructions.index(image.all("RUN")[-1])
    assert [one.rest for one in image.all("ENTRYPOINT")] == ['["prompt-queue"]']
    assert [one.rest for one in image.all("STOPSIGNAL")] == ["SIGTERM"]
    data = image.environment()["PROMPT_QUEUE_DATA_DIR"]
    assert [one.rest for one in image.all("VOLUME")] == [data]


class Answering(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """A server on this port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def probe(port: int, path: str) -> int:
    """The exit code of the probe; a proxy of the environment is none of its business."""
    environment = os.environ | {"PROMPT_QUEUE_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, str(PROBE), path]
    return subprocess.run(command, env=environment, timeout=20, check=False).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1), (204, 1)])
def test_the_probe_says_what_the_server_answered(port: int, status: int, code: int) -> None:
    """Healthy is a 200 and nothing else."""
    assert probe(port, f"/{status}") == code


def test_the_probe_of_a_port_where_nobody_listens_fails() -> None:
    """Without a traceback in the events of the pod."""
    command = [sys.executable, str(PROBE), "/api/health/live"]
    environment = os.environ | {"PROMPT_QUEUE_PORT": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
