"""Pictures in a folder."""

import hashlib
import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from prompt_queue.jobs.pictures import is_picture_name
from prompt_queue.storage.local import LocalPictures, PictureMissing, media_type_of


def listed(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def test_what_is_saved_can_be_read(tmp_path: Path) -> None:
    """The bytes come back under a name that a signed link accepts."""
    pictures = LocalPictures(tmp_path / "a" / "pictures")
    name = pictures.save(b"bytes", "image/png")
    assert pictures.read(name) == b"bytes"
    assert is_picture_name(name)
    assert media_type_of(name) == "image/png"


def test_an_open_file_is_stored_whole(tmp_path: Path) -> None:
    """From its start, wherever it was read to, as the same picture as its bytes; it stays open."""
    data = os.urandom(2_500_000)
    pictures = LocalPictures(tmp_path / "pictures")
    with tempfile.TemporaryFile() as file:
        file.write(data)
        name = pictures.save_file(file, hashlib.sha256(data).hexdigest(), "image/png")
        assert not file.closed
    assert pictures.read(name) == data
    assert pictures.save(data, "image/png") == name
    assert listed(tmp_path / "pictures") == [name]


def test_the_same_bytes_are_stored_once(tmp_path: Path) -> None:
    """The name comes from the content; a second save writes nothing."""
    pictures = LocalPictures(tmp_path)
    first = pictures.save(b"bytes", "image/jpeg")
    before = (tmp_path / first).stat().st_mtime_ns
    assert pictures.save(b"bytes", "image/jpeg") == first
    assert (tmp_path / first).stat().st_mtime_ns == before
    assert listed(tmp_path) == [first]


def test_folder_and_files_are_private(tmp_path: Path) -> None:
    """Other users of the machine read nothing."""
    folder = tmp_path / "pictures"
    name = LocalPictures(folder).save(b"bytes", "image/webp")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name",
    ["", ".", "../secret", "/etc/passwd", "a" * 64, "a" * 64 + ".svg", "A" * 64 + ".jpg",
     "a" * 64 + ".jpg\n", "a" * 64 + ".jpg\x00", "../" + "a" * 64 + ".jpg", "a" * 64 + ".jpg"],
)  # fmt: skip
def test_no_other_name_leads_anywhere(tmp_path: Path, name: str) -> None:
    """Paths, foreign endings and unknown names are all just missing."""
    (tmp_path / "secret").write_text("x")
    with pytest.raises(PictureMissing):
        LocalPictures(tmp_path / "pictures").read(name)


def test_an_unknown_type_is_not_stored(tmp_path: Path) -> None:
    """Only the three picture formats have an ending."""
    with pytest.raises(ValueError, match="image/gif"):
        LocalPictures(tmp_path).save(b"bytes", "image/gif")


def test_a_failed_save_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves neither half a picture nor a temporary file."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        LocalPictures(tmp_path).save(b"bytes", "image/png")
    assert listed(tmp_path) == []


def test_many_writers_of_one_picture_agree(tmp_path: Path) -> None:
    """Racing saves of the same bytes end in one whole file."""
    pictures = LocalPictures(tmp_path / "pictures")
    data = b"x" * 500_000
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.append(pictures.save(data, "image/png")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 8
    assert listed(tmp_path / "pictures") == [names[0]]
    assert pictures.read(names[0]) == data
