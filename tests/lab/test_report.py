"""The report says what was found."""

from pathlib import Path

from lab.campaign import Result
from lab.checker import Findings
from PIL import Image

from lab import report


def test_the_report_has_a_row_a_kind_and_a_picture(tmp_path: Path) -> None:
    clean = Result("kill", 300, 900, 1000, 60.0, Findings(recoveries=[0.9, 1.0, 1.2]))
    dirty = Result("crash", 10, 20, 20, 6.0, Findings(lost=["j is still queued"]))

    report.write(tmp_path / "report.md", [clean, dirty], "python -m lab", 7)

    lines = (tmp_path / "report.md").read_text().splitlines()
    counts = "0 | 0 | 0 | 0 | 0 | 0"
    assert f"| kill | 300 | 900 | 1000 | 0 | {counts} | 1.0% | 1.00 / 1.20 / 1.20 |" in lines
    assert f"| crash | 10 | 20 | 20 | 1 | {counts} | - | - |" in lines
    assert "- crash: lost: j is still queued" in lines
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.size == (800, 320)
