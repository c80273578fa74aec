"""Pictures in a folder of this machine, each under the SHA-256 of its bytes."""

import hashlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from prompt_queue.jobs.pictures import EXTENSIONS, is_picture_name

_COPIED_AT_ONCE = 1024 * 1024


class PictureMissing(LookupError):
    """No picture of that name is stored."""


def media_type_of(name: str) -> str:
    """The media type that a stored picture's name tells. Raises PictureMissing."""
    if not is_picture_name(name):
        raise PictureMissing("No picture of that name is stored.")
    extension = name.rpartition(".")[2]
    return next(kind for kind, ending in EXTENSIONS.items() if ending == extension)


class LocalPictures:
    """A folder of pictures. Every method blocks: call it in a thread.

    The folder is made on the first save and is readable by this user alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, data: bytes, media_type: str) -> str:
        """Store the bytes and return their name; keeps and raises as `save_file` does."""
        return self.save_file(io.BytesIO(data), hashlib.sha256(data).hexdigest(), media_type)

    def save_file(self, file: BinaryIO, sha256: str, media_type: str) -> str:
        """Store a copy of an open file and return its name; the same bytes always get the same.

        `sha256` is that of the bytes, in hex. After the return they survive a power cut. Raises
        ValueError for a media type other than JPEG, PNG or WebP, OSError where the folder cannot
        be written.
        """
        if media_type not in EXTENSIONS:
            raise ValueError(f"pictures of type {media_type} are not stored")
        name = f"{sha256}.{EXTENSIONS[media_type]}"
        final = self._folder / name
        if not final.is_file():
            self._make_folder()
            self._write(file, final)
        _flush_folder(self._folder)
        return name

    def read(self, name: str) -> bytes:
        """The bytes. Raises PictureMissing, also for every name that `save` never gives."""
        if not is_picture_name(name):
            raise PictureMissing("No picture of that name is stored.")
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            raise PictureMissing("No picture of that name is stored.") from None

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            _flush_folder(self._folder.parent)

    def _write(self, source: BinaryIO, final: Path) -> None:
        handle, text = tempfile.mkstemp(prefix=".saving-", dir=self._folder)  # mode 0600
        temporary = Path(text)
        try:
            with os.fdopen(handle, "wb") as file:
                source.seek(0)
                shutil.copyfileobj(source, file, _COPIED_AT_ONCE)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _flush_folder(folder: Path) -> None:
    """Make the names in a folder durable, not only the bytes behind them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
