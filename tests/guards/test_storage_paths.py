"""Which paths of the picture storage a user may name."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt_queue.guards.storage_paths import StoragePaths, is_storage_path
from prompt_queue.guards.urls import UrlRefused

USER = UUID("0b0e7bd5-3a3c-4f1e-8a55-6c1f1b4cf0aa")
OTHER = UUID("1b0e7bd5-3a3c-4f1e-8a55-6c1f1b4cf0aa")
PATHS = StoragePaths(["pictures/{user_id}/", "shared/samples/"])


@pytest.mark.parametrize(
    "path",
    [f"pictures/{USER}/cat.jpg", f"pictures/{USER}/a b/c(1).png", "shared/samples/dog.webp"],
)
def test_own_and_shared_folders_are_open(path: str) -> None:
    """What the operator's list names, and below it."""
    assert is_storage_path(path)
    assert PATHS.check(path, USER) == path


@pytest.mark.parametrize(
    "path",
    [
        f"pictures/{OTHER}/cat.jpg",
        f"pictures/{USER}",
        f"pictures/{USER}x/cat.jpg",
        f"pictures/{USER}/",
        f"pictures/{USER}//cat.jpg",
        f"pictures/{USER}/../{OTHER}/cat.jpg",
        f"pictures/{USER}/./cat.jpg",
        f"pictures/{USER}/%2e%2e/cat.jpg",
        f"pictures/{USER}/..%2f{OTHER}/cat.jpg",
        f"pictures/{USER}/a?token=x",
        f"pictures/{USER}/a#b",
        f"pictures/{USER}/a\\b",
        f"pictures/{USER}/a\nb",
        f"pictures/{USER}/a\x00b",
        f"pictures/{USER}/ａ.png",
        f"pictures/{str(USER).upper()}/cat.jpg",
        f"pictures/{USER}/{'a' * 1100}",
        "pictures/{user_id}/cat.jpg",
        "secrets/key.png",
        "shared/other/dog.webp",
    ],
)
def test_everything_else_is_refused(path: str) -> None:
    """The service key would open it."""
    with pytest.raises(UrlRefused):
        PATHS.check(path, USER)


@pytest.mark.parametrize("text", ["https://a/b", "/files/x", "\\\\host\\share", "cat.jpg", ""])
def test_urls_and_bare_names_are_no_paths(text: str) -> None:
    """They are judged as URLs."""
    assert not is_storage_path(text)


@given(st.text(alphabet="abc./%\\{}_-:?#@ \u202e\uff0e", max_size=40))
def test_what_passes_stays_below_the_users_folder(rest: str) -> None:
    """However a server resolves dots, escapes or backslashes."""
    try:
        path = PATHS.check(f"pictures/{USER}/{rest}", USER)
    except UrlRefused:
        return
    parts = path.split("/")
    assert parts[:2] == ["pictures", str(USER)]
    assert not any(part in {"", ".", ".."} for part in parts)
    assert not set(path) & set("%\\?#{}\u202e\uff0e")
