"""`python -m lab.fuzz`: the properties of tests/fuzz in turn, always with new examples."""

import argparse
import importlib
import os
import pkgutil
import platform
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis

ROUND_EXAMPLES = 1000
_PACKAGE = "tests.fuzz"


@dataclass
class Property:
    """A test that hypothesis drives, and what came of it."""

    name: str
    says: str
    test: Any
    examples: int = 0
    seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)

    def run(self, number: int) -> None:
        """One round with the examples of a seed."""
        begun = time.monotonic()
        try:
            hypothesis.seed(number)(self.test)()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            trace = "".join(traceback.format_exception(error))
            self.failures[f"{type(error).__name__}: {error}"[:500]] += 1
            print(f"{self.name}, seed {number}:\n{trace}", file=sys.stderr, flush=True)
        self.seconds += time.monotonic() - begun


def find_properties() -> list[Property]:
    """Every property of the package, in order of its name, with its examples counted."""
    package = importlib.import_module(_PACKAGE)
    found = []
    for module in pkgutil.iter_modules(package.__path__, f"{_PACKAGE}."):
        if module.name.rpartition(".")[2].startswith("test_"):
            tests = vars(importlib.import_module(module.name))
            found += [_counted(n, t) for n, t in tests.items() if hasattr(t, "hypothesis")]
    return sorted(found, key=lambda one: one.name)


def _counted(name: str, test: Any) -> Property:
    one = Property(name.removeprefix("test_").replace("_", " "), (test.__doc__ or "").strip(), test)
    inner: Callable[..., None] = test.hypothesis.inner_test

    def counting(*arguments: Any, **named: Any) -> None:
        one.examples += 1
        inner(*arguments, **named)

    test.hypothesis.inner_test = counting
    return one


def write(path: Path, properties: list[Property], seen: Mapping[str, int], run: str) -> None:
    """The report; written after each round, so that a run that is cut short has one."""
    examples = sum(one.examples for one in properties)
    failed = sum(bool(one.failures) for one in properties)
    rows = [
        f"| {one.name} | {one.examples:,} | {one.seconds:.0f} | {sum(one.failures.values())} |"
        for one in properties
    ]
    kinds = [f"| {what} | {times:,} |" for what, times in sorted(seen.items())]
    broken = [f"- {one.name}: {text}" for one in properties for text in one.failures]
    path.write_text(
        "# Fuzzing of whatever reads what strangers send\n\n"
        f"{run}\n\n"
        f"**{examples:,} examples of {len(properties)} properties; {failed} of them failed.** "
        "The suite runs the same properties with fewer examples (`tests/fuzz`).\n\n"
        "| property | examples | seconds | rounds that failed |\n|---|---:|---:|---:|\n"
        + "\n".join(rows)
        + "\n\nWhat came of the examples, so that accepting and refusing were both met:\n\n"
        "| outcome | times |\n|---|---:|\n"
        + "\n".join(kinds)
        + ("\n\n## Failures\n\n" + "\n".join(broken) if broken else "")
        + "\n"
    )


def main() -> int:
    """Returns 1 where a property failed."""
    parser = argparse.ArgumentParser(prog="python -m lab.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="properties whose name contains this")
    parser.add_argument("--report", type=Path, default=Path("lab/fuzz.md"))
    options = parser.parse_args()
    os.environ["FUZZ_EXAMPLES"] = str(ROUND_EXAMPLES)
    properties = [one for one in find_properties() if options.only in one.name]
    seen: Mapping[str, int] = importlib.import_module(f"{_PACKAGE}.profile").SEEN
    begun, number = time.monotonic(), options.seed
    while properties and time.monotonic() - begun < options.minutes * 60:
        for one in properties:
            one.run(number)
            spent = (time.monotonic() - begun) / 60
            processor = resource.getrusage(resource.RUSAGE_SELF).ru_utime / 60
            run = (
                f"`{' '.join(['python -m lab.fuzz', *sys.argv[1:]])}`: {spent:.1f} minutes, of "
                f"which {processor:.1f} on the processor, in one process; "
                f"seeds {options.seed} to {number}; "
                f"Hypothesis {hypothesis.__version__}, Python {platform.python_version()}."
            )
            write(options.report, properties, seen, run)
            if spent > options.minutes:
                break
        number += 1
    print(options.report.read_text())
    return 1 if any(one.failures for one in properties) else 0


if __name__ == "__main__":
    sys.exit(main())
