"""A mistake to plant in the SQL functions."""

from dataclasses import dataclass

from prompt_queue.store.bundle import present_functions


class MutantOutdated(Exception):
    """The function does not have the text any more that the mutant replaces."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One text in one function, and what stands there instead."""

    function: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A queue with a mistake in it."""

    name: str
    edits: tuple[Edit, ...]

    def functions(self) -> dict[str, str]:
        """The changed functions as SQL. Raises MutantOutdated."""
        present = present_functions()
        changed: dict[str, str] = {}
        for edit in self.edits:
            body = changed.get(edit.function, present.get(edit.function, ""))
            if edit.old not in body:
                raise MutantOutdated(f"{self.name}: {edit.function}.sql has no {edit.old!r}")
            changed[edit.function] = body.replace(edit.old, edit.new)
        return changed


def mutant(name: str, function: str, old: str, new: str) -> Mutant:
    """A mistake in one text of one function."""
    return Mutant(name, (Edit(function, old, new),))
