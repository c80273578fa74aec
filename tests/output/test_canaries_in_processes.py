"""No secret is an argument, in a file that others may read, or in what processes print."""

import contextlib
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jwt
import psutil

from prompt_queue.settings import DEMO_USER_ID
from prompt_queue.testing import PictureServer, StandIn, WaveSpeedStandIn
from tests.e2e.stack import Stack
from tests.identity.project import claims_of
from tests.output.canaries import (
    CRON,
    JWT_SECRET,
    PICTURE,
    SERVICE,
    WAVESPEED,
    WEBHOOK,
    XAI,
    Search,
)
from tests.photographs import plain

PROJECT = "http://127.0.0.1:9"
SECRET_VARIABLES = ("_KEY", "_SECRET", "PASSWORD", "PASSFILE")
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def arguments(stack: Stack) -> Iterator[dict[int, str]]:
    """The command lines of all processes that the stack has while the block runs."""
    seen: dict[int, str] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            for process in stack.processes():
                with contextlib.suppress(psutil.Error):
                    seen[process.pid] = "\0".join(process.cmdline())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def handed_over(stack: Stack) -> dict[str, str]:
    """The secrets in the environments of the stack's processes, and in its own files."""
    found = {}
    for process in stack.processes():
        with contextlib.suppress(psutil.Error):
            found |= {
                f"{name} of {process.pid}": value
                for name, value in process.environ().items()
                if name.startswith(("XAI_", "WAVESPEED_", "PROMPT_QUEUE_"))
                and name.endswith(SECRET_VARIABLES)
            }
    password = stack.data_dir / "password"
    return found | ({"cluster": password.read_text().strip()} if password.exists() else {})


def open_files(folder: Path) -> list[Path]:
    """The files below it that accounts other than their owner may read."""
    everything = [*folder.rglob("*"), *(folder / "postgres").resolve().rglob("*")]
    return [
        path for path in everything
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & OTHERS
    ]  # fmt: skip


def look_through(search: Search, stack: Stack, commands: dict[int, str]) -> None:
    """Arguments, files and the log, as one text each."""
    for command in commands.values():
        search.add("arguments", command)
    for path in open_files(stack.data_dir):
        search.add(str(path.relative_to(path.anchor)), path.read_bytes().decode(errors="replace"))
    search.add("log", stack.log)


def test_a_demonstration_hides_the_keys_that_it_makes(picture_server: PictureServer) -> None:
    """Those of both stand-ins and of the embedded PostgreSQL; its files are its owner's alone."""
    stack = Stack({"PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": picture_server.host_port,
                   "PROMPT_QUEUE_LOG_LEVEL": "debug"})  # fmt: skip
    with closing(stack):
        with arguments(stack) as commands:
            stack.up()
            job = stack.enqueue(picture_server.add("a.png", plain("teal")))
            assert stack.final(job)["status"] == "completed"
        search = Search(handed_over(stack))
        look_through(search, stack, commands)
        shown = search.seen["arguments"]
        for part in ("prompt_queue.simulator\0", "wavespeed", "serve", "work", "guardian"):
            assert part in shown, part
        # Two keys with two processes each that know them, and the password of the cluster.
        assert len(set(search.secrets.values())) == 3, sorted(search.secrets)
        assert not search.found()
        secret_files = [path for path in stack.data_dir.rglob("*key*") if path.is_file()]
        assert secret_files
        assert not set(secret_files) & set(open_files(stack.data_dir))


def test_keys_that_are_set_are_in_no_argument_and_no_log(
    database_url: str, picture_server: PictureServer
) -> None:
    """Of providers, database, tokens, cron and webhooks; also after a provider repeats one."""
    with ExitStack() as ending:
        xai = ending.enter_context(StandIn.start(api_key=XAI))
        wavespeed = ending.enter_context(WaveSpeedStandIn.start(api_key=WAVESPEED))
        stack = ending.enter_context(closing(Stack({
            "DATABASE_URL": database_url, "PROMPT_QUEUE_LOG_LEVEL": "debug",
            "XAI_API_KEY": XAI, "XAI_API_BASE": xai.base_url,
            "WAVESPEED_API_KEY": WAVESPEED, "WAVESPEED_API_BASE": wavespeed.base_url,
            "WAVESPEED_WEBHOOK_SECRET": WEBHOOK, "CRON_SECRET": CRON, "SUPABASE_URL": PROJECT,
            "SUPABASE_JWT_SECRET": JWT_SECRET, "SUPABASE_SERVICE_ROLE_KEY": SERVICE,
            "PROMPT_QUEUE_SEED_DEMO": "true", "PROMPT_QUEUE_MAX_RETRIES": "0",
            "PROMPT_QUEUE_TRUSTED_IMAGE_HOSTS": picture_server.host_port,
        })))  # fmt: skip
        token = jwt.encode(claims_of(DEMO_USER_ID, f"{PROJECT}/auth/v1"), JWT_SECRET, "HS256")
        search = Search()
        password = unquote(urlsplit(database_url).password or "")
        assert len(password) > 8
        search.secrets |= {"access token": token, "password of the database": password}
        with arguments(stack) as commands:
            stack.up()
            job = refused_job(stack, token, xai, picture_server, database_url)
        assert job["status"] == "failed", job
        assert set(search.secrets.values()) >= set(handed_over(stack).values()) - {""}
        commands |= {one.pid or 0: " ".join(psutil.Process(one.pid).cmdline())
                     for one in (xai, wavespeed)}  # fmt: skip
        look_through(search, stack, commands)
        for part in ("prompt_queue.simulator ", "wavespeed", "serve", "work"):
            assert part in search.seen["arguments"], part
        assert "grok answered 400" in search.seen["log"]
        assert not search.found()


def refused_job(
    stack: Stack, token: str, xai: StandIn, pictures: PictureServer, database_url: str
) -> dict[str, object]:
    """A job whose provider refuses it with its own key and the address of the picture."""
    url, headers = (
        pictures.add("b.png", plain("red")) + f"?sig={PICTURE}",
        {"Authorization": f"Bearer {token}"},
    )
    said = {"code": f"c {XAI}", "error": f"{XAI} {database_url} for {url}"}
    xai.script({"fault": "status", "status": 400, "body": said, "times": -1})
    row = stack.request("POST", "/api/rows", {"targetUrl": url}, headers)
    assert row.status == 201, row
    asked = {"rowId": row.body["rowId"], "targetUrl": url, "minQuality": "model"}
    made = stack.request("POST", "/api/prompt/queue", asked, headers)
    assert made.status == 202, made
    path = f"/api/prompt/queue/{made.body['promptJobId']}?wait=30"
    job = dict(stack.request("GET", path, headers=headers).body)
    wrong = {"Authorization": f"Bearer {CRON}x"}
    assert stack.request("POST", "/api/cron/prompt-processor", headers=wrong).status == 401
    return job
