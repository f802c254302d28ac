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
# Few images are predicted, since an epoch's time includes its validation.
SPLIT = '{kind="ratio", train=0.98, val=0.01, test=0.01}'
# Names of images, each with several: an epoch lasts longer than its start, and few decoded images are
# still in memory when they come again.
NAMES = 24_000


@dataclass(frozen=True)
class Photos:
    """A folder of images with the split rule that it needs, and what it is."""

    folder: Path
    split: str
    what: str


def photos(kit: Kit) -> Photos:
    """Return the images of the kit or of `--images` under many names; draws them if there are none.

    Raises `LeftOut` if they cannot be drawn.
    """
    given, quick = kit.options.images, kit.options.quick
    split = '{kind="ratio"}' if quick else SPLIT
    if given is None and importlib.util.find_spec("PIL") is None:
        raise LeftOut("no images: Python has no Pillow to draw them with, and the kit was packed without --images")
    drawn = 24 if quick else 600
    folder = kit.options.results / "work" / "photos"
    if not folder.is_dir():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        if given is None:
            draw(partial, drawn)
        else:
            shutil.copytree(given, partial)
        if not quick:
            multiply(partial)
        os.replace(partial, folder)
    if given is None:
        return Photos(folder, split, f"{drawn} drawn JPEG photographs of 500 × 400 pixels")
    official = (given / "train").is_dir()
    return Photos(folder, '{kind="official"}' if official else split, "the images of --images")


def multiply(folder: Path) -> None:
    """Give each file more names, up to `NAMES` in all."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        for copy in range(1, NAMES // max(1, len(files))):
            os.link(path, path.with_name(f"{path.stem}-{copy}{path.suffix}"))


def draw(folder: Path, count: int) -> None:
    """Draw photographs of smooth noise into class folders."""
    from PIL import Image

    source = random.Random(0)
    for number in range(count):
        home = folder / f"class{number % CLASSES}"
        home.mkdir(parents=True, exist_ok=True)
        picture = None
        for cells, weight in [(6, 0.5), (40, 0.3), (160, 0.2)]:
            noise = Image.frombytes("RGB", (cells, cells), source.randbytes(3 * cells * cells))
            layer = noise.resize((500, 400), Image.Resampling.BICUBIC)
            picture = layer if picture is None else Image.blend(picture, layer, weight)
        picture.save(home / f"{number:04}.jpg", quality=90)
