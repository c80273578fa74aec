"""The report says what was found."""

from pathlib import Path

from lab.campaign import Result
from lab.checker import Findings
from PIL import Image

from lab import plot, report


def test_the_report_has_totals_a_row_a_kind_and_a_picture(tmp_path: Path) -> None:
    clean = Result(
        "kill", 300, 900, 1000, 60.0, Findings(recoveries=[0.9, 1.0, 1.2]), {"settle.sent": 300}
    )
    late = Findings(lost=["j is still queued"], recoveries=[1.3], restarts=[0.5])
    dirty = Result("crash", 10, 20, 20, 6.0, late, wanted=11)

    report.write(tmp_path / "report.md", [clean, dirty], "python -m lab", 7)

    lines = (tmp_path / "report.md").read_text().splitlines()
    assert "| faults that hit | 310 |" in lines
    assert any(line.startswith("| violations | 1: lost 1, duplicated 0,") for line in lines)
    assert "| recovery: is p99 within 1.25 L = 1.25 s? | no, 1 took longer |" in lines
    kill = "| kill | 300 | 900 | 1000 | 0 | 1.00% | 1.00 / 1.20 / 1.20 | yes, 0 took longer | - |"
    assert kill in lines
    crash = "| crash | 10 of 11 wanted | 20 | 20 | 1 | - | 1.30 / 1.30 / 1.30 | no, 1 took longer |"
    assert f"{crash} 0.50 / 0.50 / 0.50 |" in lines
    assert "- kill: settle.sent 300" in lines
    assert "- crash: lost: j is still queued" in lines
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.size == plot.SIZE


def test_the_picture_marks_the_promise(tmp_path: Path) -> None:
    """A line at 1.25 leases, and bars where the times are."""
    plot.draw(tmp_path / "p.png", [0.5] * 3, 1.0, 1.25)
    with Image.open(tmp_path / "p.png") as picture:
        row = [picture.getpixel((x, 200)) for x in range(plot.SIZE[0])]
    bars = [x for x, colour in enumerate(row) if colour == (0x2B, 0x6C, 0xB0)]
    marks = [x for x, colour in enumerate(row) if colour == (0xC5, 0x30, 0x30)]
    assert bars
    assert marks
    assert max(bars) < min(marks)
