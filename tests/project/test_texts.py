"""The checks of lengths and of texts that only hold on one machine."""

import pytest

from tests.project.checkout import load_tool

texts = load_tool("check_texts")


def test_a_file_of_the_package_ends_at_the_limit() -> None:
    """300 lines pass, 301 do not, and other folders are not looked at."""
    path = "src/prompt_queue/store/database.py"
    assert texts.long_file(path, "x\n" * 300) is None
    assert "301 lines" in texts.long_file(path, "x\n" * 301)
    assert "301 lines" in texts.long_file(
        "src/prompt_queue/store/sql/queries/queue.sql", "x\n" * 301
    )
    assert texts.long_file("supabase/migrations/1_all.sql", "x\n" * 301) is None


@pytest.mark.parametrize(
    "line",
    [
        "-" + "-index-url https://" + "py" + "pi.org/simple",
        "https://files." + "python" + "hosted.org/packages/x.whl",
        "cd /" + "root/project",
        'open("/' + 'Users/ann/key")',
        "run /" + "work/main/tools",
    ],
)
def test_a_text_for_one_machine_is_found(line: str) -> None:
    """Registries and somebody's folders are named with their line."""
    (sentence,) = texts.machine_texts("README.md", f"fine\n{line}\n")
    assert sentence.startswith("README.md:2: ")


@pytest.mark.parametrize(
    "line", ["https://example.com/pieces/of/art.jpg", "src/home/page.py", "~/.local/share/x"]
)
def test_ordinary_texts_pass(line: str) -> None:
    """Addresses and relative paths are no breach."""
    assert not list(texts.machine_texts("README.md", line))
