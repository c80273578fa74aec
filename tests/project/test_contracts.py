"""The import contracts cover the whole house and have no holes."""

import configparser
import pkgutil

import pytest

import prompt_queue
from tests.project.checkout import ROOT

EVERYWHERE = {
    "driver": {"store"},
    "web-framework": {"asgi", "server", "api", "web"},
    "stand-in-shares-nothing": {"simulator", "testing", "client"},
    "client-brings-nothing": {"client"},
}
OF_THE_HTTP_SIDE = {"server", "api", "web"}
OF_THE_WORKERS_SIDE = {"worker", "generation", "dispatch", "delivery"}


@pytest.fixture
def contracts() -> configparser.ConfigParser:
    """`.importlinter` as it is committed."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", "utf-8")
    return parser


def rooms() -> set[str]:
    """The top-level modules of the package that exist today."""
    return {module.name for module in pkgutil.iter_modules(prompt_queue.__path__)} - {"__main__"}


def listed(contracts: configparser.ConfigParser, contract: str, key: str) -> set[str]:
    """The modules of the house that a contract names."""
    names = contracts[f"importlinter:contract:{contract}"][key].split()
    return {name.removeprefix("prompt_queue.") for name in names if name.startswith("prompt_queue")}


def test_no_contract_has_exceptions(contracts: configparser.ConfigParser) -> None:
    """No section ignores an import."""
    assert not [name for name in contracts.sections() if "ignore_imports" in contracts[name]]


@pytest.mark.parametrize(
    ("contract", "key"),
    [
        ("driver", "source_modules"),
        ("web-framework", "source_modules"),
        ("stand-in-shares-nothing", "forbidden_modules"),
        ("client-brings-nothing", "forbidden_modules"),
    ],
)
def test_a_contract_for_the_whole_house_names_every_room(
    contracts: configparser.ConfigParser, contract: str, key: str
) -> None:
    """A module that is new cannot be forgotten in the lists."""
    assert listed(contracts, contract, key) == rooms() - EVERYWHERE[contract]


def test_the_bridge_contract_names_both_sides_as_far_as_they_are_built(
    contracts: configparser.ConfigParser,
) -> None:
    """The HTTP side and the worker's side are listed in full."""
    bridge = "table-is-the-bridge"
    assert listed(contracts, bridge, "source_modules") == rooms() & OF_THE_HTTP_SIDE
    assert listed(contracts, bridge, "forbidden_modules") == rooms() & OF_THE_WORKERS_SIDE
    without_database = rooms() & {"generation", "dispatch", "delivery", "guards"}
    assert listed(contracts, "work-without-database", "source_modules") == without_database
