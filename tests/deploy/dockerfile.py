"""Reads a Dockerfile: its stages, and the instructions of each, with continued lines joined."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction: `RUN` and all that stands behind it."""

    word: str
    rest: str

    def copied(self) -> list[str]:
        """The sources of a COPY."""
        return [part for part in shlex.split(self.rest) if not part.startswith("--")][:-1]


@dataclass
class Stage:
    """What stands below one FROM."""

    base: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        """The instructions with that word, in order."""
        return [one for one in self.instructions if one.word == word]

    def environment(self) -> dict[str, str]:
        """What the stage's ENV instructions set."""
        pairs = [part for one in self.all("ENV") for part in shlex.split(one.rest)]
        return dict(pair.split("=", 1) for pair in pairs)


def read_dockerfile(path: Path) -> list[Stage]:
    """The stages in order."""
    text = re.sub(r"^#.*\n", "", path.read_text("utf-8"), flags=re.M)
    stages: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name or None))
        elif word:
            stages[-1].instructions.append(Instruction(word, re.sub(r" +", " ", rest.strip())))
    return stages
