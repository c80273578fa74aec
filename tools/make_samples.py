"""Makes the packaged sample photographs from the ones in scikit-image.

Run it with the development dependencies: `python tools/make_samples.py`.
"""

import io
from pathlib import Path

import skimage.data
from PIL import Image

FOLDER = Path(__file__).parent.parent / "src" / "prompt_queue" / "samples"
LONGEST_SIDE = 640
MOST_BYTES = 60 * 1024
PHOTOGRAPHS = {
    "astronaut.jpg": skimage.data.astronaut,
    "cat.jpg": skimage.data.chelsea,
    "coffee.jpg": skimage.data.coffee,
}


def small_jpeg(image: Image.Image) -> bytes:
    """The best JPEG of the image that fits into MOST_BYTES."""
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    for quality in range(90, 40, -5):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= MOST_BYTES:
            return out.getvalue()
    raise SystemExit(f"the photograph does not fit into {MOST_BYTES} bytes")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, load in PHOTOGRAPHS.items():
        data = small_jpeg(Image.fromarray(load()))
        (FOLDER / name).write_bytes(data)
        print(f"{name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
