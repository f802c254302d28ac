"""Write golden.safetensors: images that imagecorruptions corrupts as ImageNet-C.

    pip install imagecorruptions==1.1.2 "numpy<2" "setuptools<81" safetensors
    python tests/golden/corrupt/make.py

Made with imagecorruptions 1.1.2, Pillow 13.0.0 and OpenCV 4.11.0. The seed is fixed, so every run
writes the same file.

The image has 224 x 224 pixels and is drawn by `picture`, here and in the Rust test. Of the
deterministic corruptions `<name>-<severity>` is the upper left corner, u8 [32, 32, 3], and
`<name>-<severity>/means` has the means of the whole image's channels, f64 [3]. Of the noise,
`<name>-<severity>/means` and `/deviations` are those of the difference from the image, f64 [3].
"""

from pathlib import Path

import numpy as np
from imagecorruptions import corrupt
from safetensors.numpy import save_file

CORNER = 32


def picture():
    """Return waves and curved bands in three colours, with a fine texture and discs with hard edges."""
    y, x = np.mgrid[0:224, 0:224]
    channels = []
    for channel in range(3):
        wave = 2 * np.abs((x + 2 * y + 30 * channel) % 120 - 60)
        bands = (channel + 2) * x * y % 4001 // 100
        texture = (7 * x + 13 * y + 5 * channel) % 11 * 3
        inside = (x % 40 - 14) ** 2 + (y % 50 - 16) ** 2 < 81
        channels.append(20 + wave + bands + texture + np.where(inside, 60, 0))
    return np.minimum(np.stack(channels, axis=-1), 255).astype(np.uint8)


def main():
    image = picture()
    tensors = {}
    np.random.seed(0)
    for severity in range(1, 6):
        for name, theirs in [("defocus-blur", "defocus_blur"), ("contrast", "contrast"), ("jpeg", "jpeg_compression")]:
            corrupted = corrupt(image, severity, theirs)
            tensors[f"{name}-{severity}"] = np.ascontiguousarray(corrupted[:CORNER, :CORNER])
            tensors[f"{name}-{severity}/means"] = corrupted.mean(axis=(0, 1))
        difference = corrupt(image, severity, "gaussian_noise") - image.astype(np.float64)
        tensors[f"gaussian-noise-{severity}/means"] = difference.mean(axis=(0, 1))
        tensors[f"gaussian-noise-{severity}/deviations"] = difference.std(axis=(0, 1))
    save_file(tensors, Path(__file__).parent / "golden.safetensors")


if __name__ == "__main__":
    main()
