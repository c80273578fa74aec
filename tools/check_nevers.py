"""Finds, in the syntax trees of the package, what import contracts cannot see.

Run it from anywhere: `python tools/check_nevers.py [FOLDER]`. It exits 1 and names each line.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "prompt_queue"


@dataclass(frozen=True, slots=True)
class Never:
    """Names that are used nowhere but in their homes (path -> why it may)."""

    sentence: str
    names: frozenset[str]
    homes: dict[str, str]


OUTBOUND = Never(
    "outbound HTTP is opened in guards/egress.py only; ask to be given a session",
    frozenset(
        {
            "aiohttp.ClientSession",
            "aiohttp.TCPConnector",
            "aiohttp.request",
            "http.client.HTTPConnection",
            "http.client.HTTPSConnection",
            "urllib.request.urlopen",
            "urllib.request.build_opener",
        }
    ),
    {
        "guards/egress.py": "the one place",
        "simulator/pictures.py": "it plays xAI, which fetches pictures itself, in its own process;"
        " with our guard in it, a hole in that guard would hide from every test",
        "simulator/wavespeed/life.py": "it plays WaveSpeed, which fetches pictures itself",
        "simulator/wavespeed/webhooks.py": "it plays WaveSpeed, which calls webhooks",
        "simulator/process.py": "asks the stand-in that it has started whether it is ready",
        "client/blocking.py": "runs in other people's programs and calls the address they give it",
        "client/looping.py": "runs in other people's programs and calls the address they give it",
        "cli/up.py": "asks the server that it has started whether it is ready",
    },
)
CLOCKS = Never(
    "the database's clock decides; take the time as an argument, or time.monotonic for durations",
    frozenset(
        {
            "time.time",
            "time.time_ns",
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
        }
    ),
    {
        "simulator/wavespeed/tasks.py": "WaveSpeed's own clock, in its own process",
        "simulator/wavespeed/webhooks.py": "WaveSpeed's own clock signs webhooks",
        "jobs/ids.py": "the stamp inside a UUIDv7 spreads ids over an index; nothing is decided",
        "cli/doctor.py": "measures how far this machine's clock is from the database's",
        "simulator/completions.py": "xAI's answers carry the time at which they were made",
    },
)
NEVERS = (OUTBOUND, CLOCKS)

SQL = re.compile(
    r"\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s"
    r"|create\s+(or\s+replace\s+)?(table|function|index|trigger)\s|alter\s+table\s)",
    re.I | re.S,
)


def dotted_names(tree: ast.AST) -> dict[str, str]:
    """What each imported name of a module stands for: `dt` -> `datetime`."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return known


def resolve(node: ast.AST, known: dict[str, str]) -> str | None:
    """The full name that an expression such as `dt.datetime.now` stands for, or None."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        base = resolve(node.value, known)
        return f"{base}.{node.attr}" if base else None
    return None


def annotations(tree: ast.AST) -> set[ast.AST]:
    """Every node that is part of a type: naming a type there opens nothing."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            roots.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            roots.append(node.returns)
    return {part for root in roots if root is not None for part in ast.walk(root)}


def broken_nevers(source: str, path: str) -> Iterator[tuple[int, str]]:
    """Line and sentence of each never that a file of the package breaks."""
    tree = ast.parse(source)
    known = dotted_names(tree)
    types = annotations(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and node not in types:
            name = resolve(node, known)
            for never in NEVERS:
                if name in never.names and path not in never.homes:
                    yield node.lineno, f"{name}: {never.sentence}"
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and not path.startswith("store/")
            and SQL.match(node.value)
        ):
            yield node.lineno, "SQL lives in store/ only; give the statement a name there"


def main(arguments: list[str]) -> int:
    """Check every file below the folder; returns the exit code."""
    folder = Path(arguments[0]) if arguments else PACKAGE
    broken = 0
    for file in sorted(folder.rglob("*.py")):
        path = file.relative_to(folder).as_posix()
        for line, sentence in broken_nevers(file.read_text("utf-8"), path):
            print(f"{path}:{line}: {sentence}")
            broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
