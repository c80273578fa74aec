"""Checks what no linter looks at: the length of files, and texts that hold for one machine only.

Run it in a checkout: `python tools/check_texts.py`. It exits 1 and names each file.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_LINES = 300
LIMITED = re.compile(r"^src/.+\.(py|sql)$")

# A package comes from whichever registry the machine is set up for, so no file names one.
REGISTRIES = re.compile(r"pypi[.]org|pythonhosted[.]org|test[.]pypi|npmjs[.](org|com)")
HOMES = re.compile(r"(?<![\w./-])/(root|Users/\w+|home/\w+|work|private/var|tmp/\w+)/[\w.-]+")
EXAMPLES = re.compile(r"/home/somebody/")


def long_file(path: str, text: str) -> str | None:
    """A sentence if a source file is too long for one idea, else None."""
    lines = text.count("\n")
    if not LIMITED.match(path) or lines <= MOST_LINES:
        return None
    return f"{path}: {lines} lines; {MOST_LINES} at most: give the second idea its own file"


def machine_texts(path: str, text: str) -> Iterator[str]:
    """A sentence for each line that names a package registry or a place on one machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        if REGISTRIES.search(line):
            yield f"{path}:{number}: names a package registry; leave it to the machine's settings"
        if HOMES.search(EXAMPLES.sub("", line)):
            yield f"{path}:{number}: names a path that only one machine has"


def project_files() -> list[str]:
    """The files of the checkout that are or may be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted({name for name in listed.stdout.split("\0") if (ROOT / name).is_file()})


def main() -> int:
    """Check every file of the checkout; returns the exit code."""
    sentences: list[str] = []
    for path in project_files():
        try:
            text = (ROOT / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        too_long = long_file(path, text)
        sentences += [too_long] if too_long else []
        sentences += machine_texts(path, text)
    for sentence in sentences:
        print(sentence)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
