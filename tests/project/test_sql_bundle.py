"""The functions in their files and in the migrations do not drift apart unnoticed."""

import shutil
from pathlib import Path

import pytest

from prompt_queue.store import bundle
from prompt_queue.store.migrate import migrate, migrations_folder, read_migrations
from tests.project.checkout import ROOT

LATER = "29990101000000_functions.sql"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the function files and of the migrations, which the tool is pointed at."""
    shutil.copytree(bundle.FUNCTIONS, tmp_path / "functions")
    shutil.copytree(migrations_folder(), tmp_path / "migrations")
    monkeypatch.setattr(bundle, "FUNCTIONS", tmp_path / "functions")
    return tmp_path


def test_every_function_is_in_the_migrations_as_it_stands() -> None:
    """What a database gets is what the files say."""
    assert bundle.main(["check", str(ROOT / "supabase" / "migrations")]) == 0


def test_an_edited_function_is_drift_until_it_is_bundled(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check names the file; the new migration carries that function and no other."""
    edited = copy / "functions" / "claim_prompt_jobs.sql"
    edited.write_text(edited.read_text() + "-- edited\n")
    folder = str(copy / "migrations")
    assert bundle.main(["check", folder]) == 1
    assert "claim_prompt_jobs.sql is in no migration as it stands" in capsys.readouterr().err
    assert bundle.main(["write", folder, LATER]) == 0
    assert bundle.main(["check", folder]) == 0
    carried = bundle.bundled_functions([copy / "migrations" / LATER])
    assert carried == {"claim_prompt_jobs": edited.read_text()}


def test_a_new_function_is_drift(copy: Path) -> None:
    """A function that no migration has yet is found too."""
    (copy / "functions" / "brand_new.sql").write_text("select 1;\n")
    assert bundle.main(["check", str(copy / "migrations")]) == 1


def test_nothing_changed_makes_no_migration(copy: Path) -> None:
    """An empty migration is not written."""
    assert bundle.main(["write", str(copy / "migrations"), LATER]) == 0
    assert not (copy / "migrations" / LATER).exists()


async def test_a_bundled_migration_applies(copy: Path, database_url: str) -> None:
    """A database that is at the head takes the bundle as its next migration."""
    edited = copy / "functions" / "get_prompt_queue_stats.sql"
    edited.write_text(edited.read_text() + "-- edited\n")
    assert bundle.main(["write", str(copy / "migrations"), LATER]) == 0
    report = await migrate(database_url, read_migrations(copy / "migrations"))
    assert [migration.version for migration in report.applied] == ["29990101000000"]
