"""Answered and refused calls, second by second."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw(path: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """Write a PNG: a row a provider, a column a way."""
    providers = list(dict.fromkeys(result["provider"]["name"] for result in results))
    ways = list(dict.fromkeys(str(result["way"]) for result in results))
    figure, axes = plt.subplots(
        len(providers), len(ways), figsize=(4.2 * len(ways), 2.2 * len(providers)),
        sharex=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    for axis in axes.flat:
        axis.set_visible(False)
    for result in results:
        name = result["provider"]["name"]
        axis = axes[providers.index(name)][ways.index(str(result["way"]))]
        axis.set_visible(True)
        seconds = range(len(result["per_second"]))
        answered, refused = zip(*result["per_second"], strict=True)
        axis.stackplot(seconds, answered, refused, colors=["#2b6cb0", "#e53e3e"])
        if result["provider"]["tpm"] is None:
            axis.axhline(result["provider"]["rps"], color="black", linewidth=0.8)
        axis.set_title(f"{name}: {result['way']}", fontsize=8)
        axis.set_ylim(bottom=0)
    figure.supxlabel("seconds; blue: answered, red: 429, line: what is allowed", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)
