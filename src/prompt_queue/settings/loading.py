"""Reads the environment and `.env`, and says in one line each what is wrong with them."""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from prompt_queue.settings.knobs import PREFIX
from prompt_queue.settings.model import Settings


class SettingsError(Exception):
    """The environment is wrong; the message says which variable and what to write instead."""


# Read by single modules at the edge of a process, not part of the tree.
PROCESS_VARIABLES = frozenset(
    PREFIX + name for name in ("FAILPOINTS", "LIFELINE_FD", "POSTGRES_USER", "STAND_IN_KEY")
)
# Read by prompt_queue.client in programs that may well share their environment with the command.
CLIENT_VARIABLES = frozenset({PREFIX + "URL", PREFIX + "TOKEN"})


def variable_name(field: str) -> str:
    """The environment variable that sets the given field of Settings."""
    return str(Settings.model_fields[field].validation_alias)


def known_variables() -> frozenset[str]:
    """Every environment variable that Settings reads."""
    return frozenset(variable_name(field) for field in Settings.model_fields)


def unknown_variables(names: Iterable[str]) -> list[str]:
    """One sentence for each name with our prefix that means nothing to us."""
    known = known_variables() | PROCESS_VARIABLES
    own = [name.removeprefix(PREFIX) for name in known]
    sentences = []
    for name in sorted({name.upper() for name in names} - known - CLIENT_VARIABLES):
        if name.startswith(PREFIX):
            near = difflib.get_close_matches(name.removeprefix(PREFIX), own, n=1, cutoff=0.5)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "see docs/configuration.md"
            sentences.append(f"{name} is not a setting; {hint}")
    return sentences


def load_settings(
    environment: Mapping[str, str] | None = None,
    env_file: Path | None = None,
    **overrides: object,
) -> Settings:
    """Read the environment and `.env`; `overrides` are field names from the command line.

    Raises SettingsError with one line for each thing that is wrong.
    """
    env_file = env_file or Path(".env")
    names = list(os.environ if environment is None else environment)
    if env_file.is_file():
        lines = env_file.read_text("utf-8").splitlines()
        assignments = (line.strip().removeprefix("export ") for line in lines)
        names += [
            line.split("=", 1)[0].strip()
            for line in assignments
            if "=" in line and not line.startswith("#")
        ]
    unknown = unknown_variables(names)
    if unknown:
        raise SettingsError("\n".join(unknown))
    given = {variable_name(k): v for k, v in overrides.items() if v is not None}
    try:
        return Settings(_env_file=env_file, **given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_sentences(error))) from None


def _sentences(error: ValidationError) -> list[str]:
    sentences = []
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        where = ".".join(str(part) for part in problem["loc"])
        sentences.append(f"{where}: {message}" if where else message)
    return sentences
