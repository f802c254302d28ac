"""Class folders of images for the runs that load images: the user's, or drawn photographs."""

import importlib.util
import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.kit import Kit
from harness.process import LeftOut

CLASSES = 6
# Names for each drawn photograph, so that an epoch lasts longer than its start.
COPIES = 8


@dataclass(frozen=True)
class Photos:
    """A folder of images with the split rule that it needs, and what it is."""

    folder: Path
    split: str
    what: str


def photos(kit: Kit) -> Photos:
    """Return the images of the kit or of `--images`; draws them if there are none.

    Raises `LeftOut` if they cannot be drawn.
    """
    if folder := kit.options.images:
        official = (folder / "train").is_dir()
        split = '{kind="official"}' if official else '{kind="ratio"}'
        return Photos(folder, split, "the images of --images")
    if importlib.util.find_spec("PIL") is None:
        raise LeftOut("no images: Python has no Pillow to draw them with, and the kit was packed without --images")
    count = 24 if kit.options.quick else 600
    folder = kit.options.results / "work" / "photos"
    if not folder.is_dir():
        draw(folder, count, 1 if kit.options.quick else COPIES)
    return Photos(folder, '{kind="ratio"}', f"{count} drawn JPEG photographs of 500 × 400 pixels")


def draw(folder: Path, count: int, copies: int) -> None:
    """Draw photographs of smooth noise into class folders, and link each under more names."""
    from PIL import Image

    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    source = random.Random(0)
    for number in range(count):
        home = partial / f"class{number % CLASSES}"
        home.mkdir(parents=True, exist_ok=True)
        picture = None
        for cells, weight in [(6, 0.5), (40, 0.3), (160, 0.2)]:
            noise = Image.frombytes("RGB", (cells, cells), source.randbytes(3 * cells * cells))
            layer = noise.resize((500, 400), Image.Resampling.BICUBIC)
            picture = layer if picture is None else Image.blend(picture, layer, weight)
        first = home / f"{number:04}-0.jpg"
        picture.save(first, quality=90)
        for copy in range(1, copies):
            os.link(first, home / f"{number:04}-{copy}.jpg")
    os.replace(partial, folder)
