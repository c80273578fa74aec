"""The packaged photographs."""

import pytest

from prompt_queue.guards.images import inspect_picture
from prompt_queue.storage.local import PictureMissing
from prompt_queue.storage.samples import read_sample, sample_names


def test_three_small_photographs_ship_with_the_package() -> None:
    """Each is a real JPEG of at most 60 KB."""
    assert sample_names() == ("astronaut.jpg", "cat.jpg", "coffee.jpg")
    for name in sample_names():
        data = read_sample(name)
        assert inspect_picture(data).media_type == "image/jpeg"
        assert len(data) <= 60 * 1024


@pytest.mark.parametrize(
    "name", ["", "dog.jpg", "README.md", "../settings.py", "../samples/cat.jpg"]
)
def test_nothing_else_can_be_read(name: str) -> None:
    """Other files of the package stay closed, and the sentence offers what there is."""
    with pytest.raises(PictureMissing, match=r"cat\.jpg"):
        read_sample(name)
