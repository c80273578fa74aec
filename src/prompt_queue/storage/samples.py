"""The photographs that ship with the package, for a first try without pictures of one's own."""

from functools import cache
from importlib.resources import files

from prompt_queue.storage.local import PictureMissing

_FOLDER = files("prompt_queue") / "samples"


@cache
def sample_names() -> tuple[str, ...]:
    """The file names, in alphabetical order."""
    return tuple(sorted(file.name for file in _FOLDER.iterdir() if file.name.endswith(".jpg")))


def read_sample(name: str) -> bytes:
    """The JPEG of that name. Blocks for a short read. Raises PictureMissing."""
    if name not in sample_names():
        raise PictureMissing(f"There is no sample photograph of that name; {_choice()}.")
    return (_FOLDER / name).read_bytes()


def _choice() -> str:
    return f"there are {', '.join(sample_names())}"
