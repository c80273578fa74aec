"""`enqueue` against the whole product: server, worker, database and stand-in are real."""

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from prompt_queue.cli.enqueue import parse_priority
from prompt_queue.cli.errors import CommandFailed, ExitCode
from prompt_queue.cli.server import problem_error
from prompt_queue.testing import PictureServer, StandIn
from tests.cli.shell import Shell, ended, error_lines
from tests.e2e.stack import Stack
from tests.photographs import photograph


@pytest.fixture(scope="module")
def stack(xai_stand_in_process: StandIn) -> Iterator[Stack]:
    """One running product for the tests of this file."""
    running = Stack(
        {
            "XAI_API_KEY": xai_stand_in_process.api_key,
            "XAI_API_BASE": xai_stand_in_process.base_url,
            "PROMPT_QUEUE_CACHE_SECONDS": "0",
        }
    )
    yield running.up()
    running.close()


@pytest.fixture
def shell(bare_shell: Shell, stack: Stack, xai_stand_in: StandIn) -> Shell:
    """Settings that point at the running product; two photographs lie in the folder."""
    (bare_shell.folder / "photo.jpg").write_bytes(photograph("astronaut"))
    (bare_shell.folder / "a.jpg").write_bytes(photograph("coffee"))
    return bare_shell.with_environment(PROMPT_QUEUE_PORT=str(stack.port))


async def test_local_pictures_become_a_prompt(shell: Shell, stack: Stack) -> None:
    """`enqueue photo.jpg --ref a.jpg --wait` prints the prompt and who really made it."""
    ran = await shell.run("enqueue", "photo.jpg", "--ref", "a.jpg", "--wait", "--priority", "high")
    assert (ran.code, ran.err) == (0, "")
    first, _, prompt, _, made_by = ran.out.splitlines()
    job_id, _, rest = first.partition("  ")
    assert rest.startswith("queued, estimated wait ")
    assert 25 <= len(prompt.split()) <= 80
    assert made_by == "stand-in:grok-4.7 (stand-in: made up by a local program, not by Grok)"
    job = stack.job(job_id)
    assert (job["generatedPrompt"], job["priority"]) == (prompt, 8)
    assert len(job["refUrls"]) == 1


async def test_the_json_of_a_finished_job_is_the_servers(shell: Shell, stack: Stack) -> None:
    """With --wait --json, standard output is the job's document as the API has it."""
    ran = await shell.run("enqueue", f"{stack.base}/samples/cat.jpg", "--wait", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json == stack.job(ran.json["promptJobId"])
    assert ran.json["status"] == "completed"


async def test_a_progress_bar_is_drawn_on_a_terminal(shell: Shell, xai_stand_in: StandIn) -> None:
    """A wait of more than a second shows the status and the time on the terminal."""
    xai_stand_in.settings(latency_seconds=1.5)
    ran = await shell.run_on_terminal("enqueue", "photo.jpg", "--wait")
    assert ran.code == 0
    assert "processing" in ran.out
    assert "0:00:01" in ran.out


async def test_the_text_is_shown_while_it_is_written(shell: Shell, xai_stand_in: StandIn) -> None:
    """With --stream the end of what is there so far stands where the status was."""
    xai_stand_in.settings(latency_seconds=3.0)
    ran = await shell.run_on_terminal("enqueue", "photo.jpg", "--wait", "--stream")
    assert ran.code == 0
    shown = re.findall(r"\.\.\.([A-Za-z ,-]{20,48})\x1b", ran.out)
    prompt = re.sub(r"\s+", " ", ran.out.rpartition("\x1b[?25h")[2])
    assert shown
    assert all(text.strip() in prompt for text in shown)


async def test_a_prompt_can_be_made_better(shell: Shell, stack: Stack) -> None:
    """The prompt, the wishes and the least quality go with the picture."""
    asked = ("--enhance", "make it red", "--wishes", "keep it subtle", "--min-quality", "any_model")
    ran = await shell.run("enqueue", f"{stack.base}/samples/cat.jpg", *asked, "--wait", "--json")
    assert ran.code == 0, ran.err
    job = {name: ran.json[name] for name in ("status", "operation", "minQuality", "strategy")}
    assert job == {
        "status": "completed", "operation": "enhance", "minQuality": "any_model",
        "strategy": "enhance-1",
    }  # fmt: skip


async def test_one_key_makes_one_job(shell: Shell, stack: Stack) -> None:
    """The same URLs with the same key give the same job."""
    arguments = ("enqueue", f"{stack.base}/samples/cat.jpg", "--json", "--idempotency-key=once")
    both = [await shell.run(*arguments) for _ in range(2)]
    assert both[0].json["promptJobId"] == both[1].json["promptJobId"]


async def test_a_failed_job_has_code_1_and_a_sentence(shell: Shell, xai_stand_in: StandIn) -> None:
    """What the worker wrote for the user is what the terminal shows."""
    xai_stand_in.script({"fault": "safety", "times": -1})
    ran = await shell.run("enqueue", "photo.jpg", "--wait")
    assert ran.code == 1
    (line,) = error_lines(ran)
    assert line.startswith("error: Grok declined")
    as_json = await shell.run("enqueue", "photo.jpg", "--wait", "--json")
    assert (as_json.code, as_json.json["status"], as_json.err) == (1, "failed", "")


async def test_the_wait_ends_in_time_and_the_job_goes_on(
    shell: Shell, stack: Stack, xai_stand_in: StandIn
) -> None:
    """--timeout ends the wait with code 1 and the command that shows the job later."""
    xai_stand_in.settings(latency_seconds=4)
    ran = await shell.run("enqueue", "photo.jpg", "--wait", "--timeout", 1)
    job_id = ran.out.split()[0]
    assert ran.code == 1
    assert error_lines(ran)[0].endswith(f"look at it with: prompt-queue status {job_id}")
    assert (await asyncio.to_thread(stack.final, job_id))["status"] == "completed"


async def test_ctrl_c_during_the_wait_tells_how_to_go_on(
    shell: Shell, xai_stand_in: StandIn
) -> None:
    """The job goes on without its waiter: code 130, one line, no traceback."""
    xai_stand_in.settings(latency_seconds=4)
    process = await shell.start("enqueue", "photo.jpg", "--wait")
    assert process.stdout is not None
    job_id = (await process.stdout.readline()).decode().split()[0]
    process.send_signal(signal.SIGINT)
    ran = await ended(process)
    assert (ran.code, error_lines(ran)) == (
        130,
        [f"the job goes on; look at it with: prompt-queue status {job_id}"],
    )


async def test_the_servers_complaints_name_the_place(
    shell: Shell, picture_server: PictureServer
) -> None:
    """A private address that nobody trusts: code 2, one line with the JSON pointer."""
    private = picture_server.add("x.jpg", photograph("coffee"))
    ran = await shell.run("enqueue", "photo.jpg", "--ref", private)
    assert (ran.code, ran.out) == (2, "")
    errors = [line for line in error_lines(ran) if line.startswith("error: ")]
    assert len(errors) == 1, ran.err
    assert errors[0].startswith("error: #/refUrls/0: ")


async def test_a_file_that_is_no_picture_is_refused(shell: Shell) -> None:
    """The server looks at the bytes, and its sentence reaches the terminal."""
    (shell.folder / "notes.jpg").write_text("not a picture")
    ran = await shell.run("enqueue", "notes.jpg")
    assert (ran.code, ran.out, len(error_lines(ran))) == (2, "", 1)


async def test_an_unknown_row_has_code_4(shell: Shell) -> None:
    """A row that is not there, or not yours, is not found."""
    row = "00000000-0000-4000-a000-0000000000ff"
    ran = await shell.run("enqueue", "photo.jpg", "--row", row)
    assert (ran.code, len(error_lines(ran))) == (4, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.jpg"], 2, "there is no picture missing.jpg"),
        (["https://example.com/a.jpg", "--priority=11"], 2, "11 is not a priority"),
        (["https://example.com/a.jpg", "--url=nonsense"], 2, "is not the address of a server"),
        (["https://example.com/a.jpg", "--url=http://127.0.0.1:1"], 3, "prompt-queue up"),
    ],
)
async def test_what_is_wrong_from_the_start_is_one_line(
    bare_shell: Shell, arguments: list[str], code: int, words: str
) -> None:
    """Wrong arguments are code 2, a server that does not run is code 3 and says how to start it."""
    ran = await bare_shell.run("enqueue", *arguments)
    assert (ran.code, ran.out) == (code, "")
    (line,) = error_lines(ran)
    assert words in line


async def test_another_program_on_the_port_is_recognised(
    bare_shell: Shell, picture_server: PictureServer
) -> None:
    """Whatever does not speak our JSON is not prompt-queue."""
    ran = await bare_shell.run(
        "enqueue", "https://example.com/a.jpg", f"--url=http://{picture_server.host_port}"
    )
    assert ran.code == 1
    assert "is not prompt-queue" in error_lines(ran)[0]


def test_priorities_have_numbers_and_names() -> None:
    """1 to 10 and the four bands; everything else is refused."""
    names = ["1", "10", "low", "normal", "High", "critical"]
    assert [parse_priority(name) for name in names] == [1, 10, 2, 5, 8, 10]
    for wrong in ("0", "11", "urgent", "5.5", "-1", "", "²"):
        with pytest.raises(CommandFailed, match="is not a priority"):
            parse_priority(wrong)


def test_a_problem_is_told_once() -> None:
    """The general sentence is left out where it only repeats the first place."""
    error = problem_error(422, {"detail": "a", "errors": [{"pointer": "#/x", "detail": "a"}]})
    assert (str(error), error.code) == ("#/x: a", ExitCode.USAGE)
    places = {"detail": "refUrls 0: a", "errors": [{"pointer": "#/refUrls/0", "detail": "a"}]}
    assert str(problem_error(422, places)) == "#/refUrls/0: a"
    both = {"detail": "Several things are wrong.", "errors": [{"header": "X", "detail": "a"}]}
    assert str(problem_error(422, both)) == "Several things are wrong.\nX: a"
    assert str(problem_error(409, {"detail": "b"})) == "b"
    assert problem_error(503, {"detail": "away"}).code is ExitCode.UNREACHABLE


async def test_files_are_looked_for_where_the_user_is(shell: Shell, tmp_path: Path) -> None:
    """A relative path counts from the current folder, and a folder is no picture."""
    (tmp_path / "folder").mkdir()
    ran = await shell.run("enqueue", "folder")
    assert (ran.code, error_lines(ran)) == (
        2,
        ["error: there is no picture folder; name a file or an https URL"],
    )
