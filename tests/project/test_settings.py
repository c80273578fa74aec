"""What the environment may say, and what a person reads when it is wrong."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prompt_queue.settings import (
    PREFIX,
    Settings,
    SettingsError,
    known_variables,
    load_settings,
    unknown_variables,
)
from tests.project.checkout import ROOT

SetVariables = Callable[..., None]


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours is set, and there is no `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(PREFIX) or name in known_variables():
            monkeypatch.delenv(name)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> SetVariables:
    """Sets variables of ours, named without their prefix."""

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(PREFIX + name, value)

    return set_variables


def refusal() -> list[str]:
    """The lines that a person reads."""
    with pytest.raises(SettingsError) as refused:
        load_settings()
    return str(refused.value).splitlines()


def test_an_unknown_variable_is_refused_with_the_nearest_name(given: SetVariables) -> None:
    """A typing error stops the program and names what was probably meant."""
    given(CONCURENCY="8")
    assert refusal() == [
        "PROMPT_QUEUE_CONCURENCY is not a setting; did you mean PROMPT_QUEUE_CONCURRENCY?"
    ]


def test_an_unknown_variable_in_the_env_file_is_refused_too(tmp_path: Path) -> None:
    """A typing error in .env does not pass silently either."""
    (tmp_path / ".env").write_text("export PROMPT_QUEUE_MODLES=grok-4.7\n")
    assert refusal() == ["PROMPT_QUEUE_MODLES is not a setting; did you mean PROMPT_QUEUE_MODELS?"]


def test_other_programs_variables_are_none_of_our_business() -> None:
    """Only names with our prefix are looked at."""
    assert unknown_variables(["PATH", "XAI_API_KEI", "PROMPT_QUEUE_POSTGRES_USER"]) == []
    assert unknown_variables(["PROMPT_QUEUE_URL", "PROMPT_QUEUE_TOKEN"]) == []


def test_the_env_file_is_read(tmp_path: Path) -> None:
    """A value of .env counts when the environment says nothing."""
    (tmp_path / ".env").write_text("# a comment\nPROMPT_QUEUE_PORT=9001\nXAI_API_KEY=xai-secret\n")
    settings = load_settings()
    assert settings.port == 9001
    assert settings.xai_api_key is not None
    assert "xai-secret" not in repr(settings)


def test_environment_wins_over_env_file_and_options_over_both(
    tmp_path: Path, given: SetVariables
) -> None:
    """The nearer to the person who types, the stronger."""
    (tmp_path / ".env").write_text("PROMPT_QUEUE_PORT=9001\nPROMPT_QUEUE_WORKERS=2\n")
    given(PORT="9002", WORKERS="3")
    settings = load_settings(port=9003, workers=None)
    assert (settings.port, settings.workers) == (9003, 3)


def test_comma_lists_lose_blanks_and_keep_their_order(given: SetVariables) -> None:
    """Models are tried in the order in which they are written."""
    given(MODELS=" grok-4.6, grok-4.3 ,,", TRUSTED_IMAGE_HOSTS="127.0.0.1:9000,pictures.lan:80")
    settings = load_settings()
    assert settings.models == ("grok-4.6", "grok-4.3")
    assert settings.trusted_image_hosts == ("127.0.0.1:9000", "pictures.lan:80")


@pytest.mark.parametrize(
    ("variable", "value", "advice"),
    [
        ("MODELS", " , ", "name at least one model"),
        ("TRUSTED_IMAGE_HOSTS", "pictures.lan", "must be host:port"),
        ("STORAGE_PATHS", "pictures", "each followed by a slash"),
        ("RATE_LIMITS", "grok-4.7", "for example grok-4.7=30/1000000"),
        ("PUBLIC_URL", "example.com", "write a full URL"),
        ("PORT", "65536", "65535"),
        ("CLAIM_LIMIT", "0", "greater than or equal to 1"),
        ("LEASE_SECONDS", "soon", "valid number"),
        ("RETRY_JITTER", "some", "'full' or 'none'"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_variable(
    given: SetVariables, variable: str, value: str, advice: str
) -> None:
    """The line begins with the variable and says what would be right."""
    given(**{variable: value})
    (line,) = refusal()
    assert line.startswith(f"{PREFIX}{variable}: ")
    assert advice in line


def test_several_wrong_values_are_told_at_once(given: SetVariables) -> None:
    """Nobody has to start the program once for each mistake."""
    given(PORT="many", WORKERS="-1", LOG_LEVEL="loud")
    named = sorted(line.split(":")[0] for line in refusal())
    assert named == ["PROMPT_QUEUE_LOG_LEVEL", "PROMPT_QUEUE_PORT", "PROMPT_QUEUE_WORKERS"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.com"])  # noqa: S104
def test_an_address_that_others_reach_is_refused_with_the_reason(
    given: SetVariables, host: str
) -> None:
    """Without an identity provider the server is for this machine only."""
    given(HOST=host)
    (line,) = refusal()
    assert f"PROMPT_QUEUE_HOST={host} is not a loopback address" in line
    assert "without an identity anybody on the network" in line


@pytest.mark.parametrize(
    ("host", "base"),
    [("127.0.0.1", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080")],
)
def test_loopback_addresses_are_served(given: SetVariables, host: str, base: str) -> None:
    """Both families of loopback addresses make a URL that works."""
    given(HOST=host)
    assert load_settings().base_url == base


def test_an_empty_secret_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`DATABASE_URL=` in a .env file means the embedded database, as if it were absent."""
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("XAI_API_KEY", " ")
    settings = load_settings()
    assert settings.database_url is None
    assert settings.xai_api_key is None
    assert settings.demo_mode


def test_the_example_file_with_its_values_is_the_default_configuration(tmp_path: Path) -> None:
    """Uncommenting every value of .env.example changes nothing and is accepted."""
    example = (ROOT / ".env.example").read_text("utf-8")
    values = [
        line.removeprefix("#")
        for line in example.splitlines()
        if line.startswith("#") and not line.startswith(("# ", "##")) and not line.endswith("=")
    ]
    assert len(values) > 20
    (tmp_path / ".env").write_text("\n".join(values) + "\n")
    assert load_settings() == Settings()
