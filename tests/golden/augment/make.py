"""Write golden.safetensors: outputs of Pillow, torchvision and timm for tiny images.

    python tests/golden/augment/make.py

Made with Pillow 13.0.0, torchvision 0.26.0 and timm 1.0.31 on the CPU. The seed is fixed, so every
run writes the same file.

Images are u8 [height, width, 3]. An input is named `<image>`, an output
`<image>/<operation>/<parameters>` with the parameters in the order of the Rust function, joined by
commas. Tables of numbers are named `table/<name>`.
"""

import random
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from safetensors.numpy import save_file
from timm.data import create_transform
from timm.data.auto_augment import RandAugment as TimmRandAugment
from timm.data.auto_augment import solarize_add
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

BILINEAR = InterpolationMode.BILINEAR
GREY = (124, 116, 104)  # timm's fill: round(255 * ImageNet mean)

SIGNED = {"Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel"}
# Operations kept for an image; all of them if it is not listed.
KEPT = {
    "smooth": ["auto_contrast", "equalize", "contrast"],
    "pixel": ["resize", "sharpness", "contrast", "auto_contrast", "equalize", "rotate", "shear_x", "translate"],
    "strip": ["resize", "sharpness", "rotate", "shear_y"],
}


def noise():
    """Return a gradient with noise: every level occurs, and neighbours differ much."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:17, 0:23]
    gradient = np.stack([x * 11, y * 15, (x + y) * 6], axis=-1)
    return np.clip(gradient + rng.normal(0, 60, gradient.shape), 0, 255).astype(np.uint8)


def smooth():
    """Return soft blobs in a narrow range of levels, which contrast operations stretch."""
    y, x = np.mgrid[0:32, 0:19]
    waves = [np.sin(x / 4 + k) * np.cos(y / 6 - k) for k in range(3)]
    return np.stack([120 + 70 * wave for wave in waves], axis=-1).astype(np.uint8)


def operations(image):
    """Apply each operation with explicit parameters."""
    for width, height in [(16, 16), (5, 40), (64, 3), (23, 17), (1, 1)]:
        yield f"resize/{width},{height}", F.resize(image, [height, width], BILINEAR)
    for left, top, width, height in [(0, 0, 20, 14), (3, 2, 8, 15), (5, 9, 1, 1), (2, 1, 10, 10)]:
        yield f"crop/{left},{top},{width},{height}", F.resized_crop(image, top, left, height, width, [10, 10], BILINEAR)
    yield "flip/", F.horizontal_flip(image)
    for factor in [0.0, 0.6, 1.9]:
        yield f"brightness/{factor}", ImageEnhance.Brightness(image).enhance(factor)
        yield f"color/{factor}", ImageEnhance.Color(image).enhance(factor)
        yield f"contrast/{factor}", ImageEnhance.Contrast(image).enhance(factor)
        yield f"sharpness/{factor}", ImageEnhance.Sharpness(image).enhance(factor)
    for bits in [1, 4, 6, 8]:
        yield f"posterize/{bits}", ImageOps.posterize(image, bits)
    for threshold in [0.0, 127.5, 256.0]:
        yield f"solarize/{threshold}", ImageOps.solarize(image, threshold)
    yield "solarize_add/110", solarize_add(image, 110)
    yield "invert/", ImageOps.invert(image)
    yield "auto_contrast/", ImageOps.autocontrast(image)
    yield "equalize/", ImageOps.equalize(image)
    for degrees in [-30.0, 7.5, 15.0]:
        yield f"rotate/{degrees}", F.rotate(image, degrees, BILINEAR, fill=list(GREY))
    for slope in [-0.3, 0.15]:
        affine = dict(translate=[0, 0], scale=1.0, interpolation=BILINEAR, fill=list(GREY), center=[0, 0])
        degrees = float(np.degrees(np.arctan(slope)))
        yield f"shear_x/{slope}", F.affine(image, angle=0.0, shear=[degrees, 0.0], **affine)
        yield f"shear_y/{slope}", F.affine(image, angle=0.0, shear=[0.0, degrees], **affine)
    for x, y in [(4, 0), (0, -5), (2.25, -1.5), (99, 0)]:
        matrix = (1, 0, -x, 0, 1, -y)
        shifted = image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=GREY)
        yield f"translate/{x},{y}", shifted


def torchvision_rand_augment(image):
    """Apply torchvision's RandAugment at M = 15 of 31: every operation, both signs."""
    policy = v2.RandAugment(num_ops=2, magnitude=15, num_magnitude_bins=31, interpolation=BILINEAR, fill=0)
    for name, (magnitudes, signed) in policy._AUGMENTATION_SPACE.items():
        values = magnitudes(31, image.height, image.width)
        magnitude = 0.0 if values is None else float(values[15])
        for sign in [1, -1] if signed else [1]:
            out = policy._apply_image_or_video_transform(image, name, sign * magnitude, BILINEAR, policy._fill)
            yield f"torchvision_rand_augment/{name},{sign}", out


def timm_rand_augment(image):
    """Apply timm's rand-m15-n2 as its factory builds it: every operation, both signs."""
    transform = create_transform(32, is_training=True, auto_augment="rand-m15-n2")
    (policy,) = [t for t in transform.transforms if isinstance(t, TimmRandAugment)]
    assert policy.num_layers == 2 and policy.choice_weights is None and {op.prob for op in policy.ops} == {0.5}
    for op in policy.ops:
        signed = op.name in SIGNED
        for sign, drawn in [(1, 0.25), (-1, 0.75)] if signed else [(1, 0.25)]:
            # The first draw decides whether the operation runs, the second its sign.
            with mock.patch.object(random, "random", side_effect=[0.0, drawn]):
                yield f"timm_rand_augment/{op.name},{sign}", op(image)


def tables():
    """Return the tables behind random parameters."""
    space = v2.RandAugment._AUGMENTATION_SPACE["TranslateX"][0]
    # Row i: the shift in pixels at M = 15 of an image i + 1 pixels wide.
    yield "translate", np.array([int(float(space(31, 1, width)[15])) for width in range(1, 513)], dtype=np.int64)

    # An area that never fits gives the fallback. Row: width, height, then left, top, width, height.
    never = v2.RandomResizedCrop(8, scale=(100, 100))
    rows = []
    for width, height in [(1, 1), (7, 7), (100, 10), (10, 100), (1000, 1), (1, 1000), (40, 30), (41, 30), (30, 40), (30, 41)]:
        box = never.make_params([Image.new("RGB", (width, height))])
        rows.append([width, height, box["left"], box["top"], box["width"], box["height"]])
    yield "fallback", np.array(rows, dtype=np.int64)

    # Row: lowest scale, highest scale, width, height, then means of left, top, width, height.
    torch.manual_seed(11)
    rows = []
    for scale in [(0.08, 1.0), (0.7, 1.2), (0.9, 1.0)]:
        crop = v2.RandomResizedCrop(8, scale=scale)
        for width, height in [(64, 48), (50, 90), (31, 31)]:
            image = Image.new("RGB", (width, height))
            draws = [crop.make_params([image]) for _ in range(20_000)]
            means = [np.mean([box[key] for box in draws]) for key in ("left", "top", "width", "height")]
            rows.append([*scale, width, height, *means])
    yield "crop_means", np.array(rows, dtype=np.float64)


def main():
    tensors = {}
    pictures = {
        "noise": noise(),
        "smooth": smooth(),
        "pixel": np.array([[[10, 200, 77]]], dtype=np.uint8),
        "strip": noise()[:2].copy(),
    }
    for picture, array in pictures.items():
        tensors[picture] = array
        image = Image.fromarray(array)
        outputs = operations(image)
        if picture == "noise":
            outputs = [*outputs, *torchvision_rand_augment(image), *timm_rand_augment(image)]
        for name, out in outputs:
            operation = name.split("/")[0]
            if operation in KEPT.get(picture, [operation]):
                tensors[f"{picture}/{name}"] = np.asarray(out.convert("RGB"))
    for name, values in tables():
        tensors[f"table/{name}"] = values
    save_file(tensors, Path(__file__).with_name("golden.safetensors"))


if __name__ == "__main__":
    main()
