"""The generated pages say what the settings say."""

from pathlib import Path

import pytest

from prompt_queue.settings import known_variables
from prompt_queue.telemetry import Event
from tests.project.checkout import ROOT, load_tool


def test_the_committed_pages_are_up_to_date() -> None:
    """docs/configuration.md and .env.example were generated from today's settings."""
    assert load_tool("configuration_docs").main(["--check"]) == 0


def test_every_variable_is_on_the_page() -> None:
    """Nothing that can be set is left out."""
    page = load_tool("configuration_docs").configuration_page()
    assert not [name for name in known_variables() if f"| `{name}` |" not in page]


def test_an_edited_page_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that was changed by hand fails the check, and writing it again mends it."""
    tool = load_tool("configuration_docs")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    page = tmp_path / "docs" / "configuration.md"
    page.write_text(page.read_text().replace("8080", "8081"))
    assert tool.main(["--check"]) == 1
    assert "docs/configuration.md is not what the settings say" in capsys.readouterr().err
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0


def test_a_setting_without_a_group_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new setting cannot be forgotten: the page is not made without it."""
    tool = load_tool("configuration_docs")
    monkeypatch.setitem(tool.GROUPS, "Log", ("log_level",))
    with pytest.raises(tool.DocumentationError, match="log_format"):
        tool.configuration_page()


def test_the_page_of_failures_is_up_to_date_and_an_edited_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/failures.md says what the table of policies says."""
    tool = load_tool("failure_docs")
    assert tool.main(["--check"]) == 0
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    assert tool.main(["--check"]) == 1
    assert "run make docs" in capsys.readouterr().err
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0


def test_the_page_of_metrics_is_up_to_date() -> None:
    """docs/metrics.md says what the lists of metrics and of alerts say."""
    assert load_tool("metrics_docs").main(["--check"]) == 0


def test_the_page_of_log_lines_is_up_to_date_and_an_edited_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/logs.md has each event that is logged, once, with a sentence."""
    tool = load_tool("log_docs")
    assert tool.main(["--check"]) == 0
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    assert tool.main(["--check"]) == 1
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    page = (tmp_path / "docs" / "logs.md").read_text("utf-8")
    assert [page.count(f"| `{event.value}` |") for event in Event] == [1] * len(Event)
    assert all(len(event.meaning) > 15 and event.meaning.endswith(".") for event in Event)


def test_every_event_of_the_list_is_logged_somewhere() -> None:
    """A line that nobody writes any more has to leave the page."""
    texts = [file.read_text("utf-8") for file in (ROOT / "src" / "prompt_queue").rglob("*.py")]
    assert [e.name for e in Event if not any(f"Event.{e.name}" in text for text in texts)] == []
