"""A histogram of recovery times as a PNG."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = (960, 420)
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 940, 60, 350
_BARS, _LEASES = 75, 2.5
_INK, _BAR, _LIMIT = "black", "#2b6cb0", "#c53030"


def draw(path: Path, values: Sequence[float], lease: float, promised: float) -> None:
    """The last bar takes in what is beyond the axis, which ends after two and a half leases."""
    image = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    longest = _LEASES * lease
    counts = [0] * _BARS
    for value in values:
        counts[min(_BARS - 1, max(0, int(value / longest * _BARS)))] += 1
    tallest = max(1, *counts)

    def x_of(seconds: float) -> float:
        return _LEFT + seconds / longest * (_RIGHT - _LEFT)

    def y_of(count: float) -> float:
        return _BOTTOM - count / tallest * (_BOTTOM - _TOP)

    for number, count in enumerate(counts):
        left, right = x_of(number * longest / _BARS), x_of((number + 1) * longest / _BARS)
        if count:
            pen.rectangle((left, y_of(count), right - 1, _BOTTOM), fill=_BAR)
    pen.line((_LEFT, _TOP, _LEFT, _BOTTOM, _RIGHT, _BOTTOM), fill=_INK)
    for quarter in range(round(_LEASES * 4) + 1):
        x = x_of(quarter * lease / 4)
        pen.line((x, _BOTTOM, x, _BOTTOM + 5), fill=_INK)
        pen.text((x, _BOTTOM + 8), f"{quarter * lease / 4:g}", _INK, font, anchor="ma")
    for count in sorted({0, tallest // 2, tallest}):
        pen.line((_LEFT - 5, y_of(count), _LEFT, y_of(count)), fill=_INK)
        pen.text((_LEFT - 10, y_of(count)), str(count), _INK, font, anchor="rm")
    limit = x_of(promised)
    pen.line((limit, _TOP - 20, limit, _BOTTOM), fill=_LIMIT, width=2)
    pen.text((limit + 6, _TOP - 22), f"1.25 leases = {promised:g} s", _LIMIT, font)
    pen.text((_LEFT, 10), f"{len(values)} recovery times", _INK, font)
    pen.text((10, _TOP - 26), "jobs", _INK, font)
    middle = (_LEFT + _RIGHT) / 2
    label = "seconds from a worker's death, freeze or stall to the next claim of its job"
    pen.text((middle, _BOTTOM + 36), label, _INK, font, anchor="ma")
    image.save(path)
