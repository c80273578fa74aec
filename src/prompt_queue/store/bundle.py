"""Carries changed SQL functions into a new migration, and tells when they have drifted apart.

Each function lives in `store/sql/functions/`, one file each. A migration holds the bodies between
marker lines; the last body in the order of the migrations is the one that a database gets.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

FUNCTIONS = Path(__file__).parent / "sql" / "functions"
_BODY = re.compile(r"^-- >>> (?P<name>\w+)\n(?P<body>.*?)^-- <<< (?P=name)$", re.M | re.S)


def bundled_functions(migrations: Iterable[Path]) -> dict[str, str]:
    """The newest body of each function in the given migrations, in file order."""
    newest: dict[str, str] = {}
    for migration in sorted(migrations):
        for match in _BODY.finditer(migration.read_text("utf-8")):
            newest[match["name"]] = match["body"]
    return newest


def present_functions(folder: Path = FUNCTIONS) -> dict[str, str]:
    """The body of each function as it stands in its own file."""
    return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.sql"))}


def changed_functions(folder: Path, migrations: Iterable[Path]) -> dict[str, str]:
    """The functions whose file says something else than the migrations do."""
    bundled = bundled_functions(migrations)
    return {
        name: body for name, body in present_functions(folder).items() if bundled.get(name) != body
    }


def bundle(bodies: dict[str, str]) -> str:
    """The text of a migration that brings a database to the given bodies."""
    parts = [f"-- >>> {name}\n{body}-- <<< {name}\n" for name, body in sorted(bodies.items())]
    header = "-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.\n\n"
    return header + "\n".join(parts)


def main(arguments: list[str]) -> int:
    """`check FOLDER` exits 1 on drift; `write FOLDER VERSION_name.sql` writes the migration."""
    verb, folder, *rest = arguments
    changed = changed_functions(FUNCTIONS, Path(folder).glob("*.sql"))
    if verb == "check":
        for name in changed:
            sys.stderr.write(f"{name}.sql is in no migration as it stands; run make sql-bundle\n")
        return 1 if changed else 0
    if changed:
        target = Path(folder) / rest[0]
        target.write_text(bundle(changed), "utf-8")
        sys.stdout.write(f"{target}: {', '.join(changed)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
