"""Write the test files of ff-data's decoder and CIFAR reader, and Pillow's output for them.

    python tests/golden/data/make.py

Needs Pillow and NumPy. The seed is fixed. Images are 20 x 12 pixels. `decoded.json` has, for each
file, width, height and RGB bytes in hex: Pillow's exif_transpose and convert("RGB"), except for
16-bit samples, which are round(v / 257) by NumPy.
"""

import io
import json
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
W, H = 20, 12
rng = np.random.default_rng(0)
expected = {}


def smooth(channels):
    """Return an image that JPEG changes little: slow gradients, different in each channel."""
    y, x = np.mgrid[0:H, 0:W]
    planes = [127 + 100 * np.sin(x / (5 + 2 * c) + y / (4 + c) + c) for c in range(channels)]
    return np.stack(planes, -1).round().astype(np.uint8)


def reference(name, data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    expected[name] = {"width": image.width, "height": image.height, "rgb": image.tobytes().hex()}


def write(name, data):
    (HERE / name).write_bytes(data)
    reference(name, data)


def save(name, image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    write(name, buffer.getvalue())
    return buffer.getvalue()


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def png16(name, samples, color_type):
    """Write a 16-bit PNG. Pillow cannot write every kind, and converts them differently."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (HERE / name).write_bytes(data)
    scaled(name, samples)


def scaled(name, samples):
    colors = samples.reshape(*samples.shape[:2], -1)
    colors = colors[..., :3] if colors.shape[2] >= 3 else colors[..., :1].repeat(3, 2)
    rgb = ((colors.astype(np.int64) * 2 + 257) // 514).astype(np.uint8)
    expected[name] = {"width": samples.shape[1], "height": samples.shape[0], "rgb": rgb.tobytes().hex()}


rgb = Image.fromarray(smooth(3))
noisy = Image.fromarray(rng.integers(0, 256, (H, W, 3), dtype=np.uint8))
noisy_rgba = Image.fromarray(rng.integers(0, 256, (H, W, 4), dtype=np.uint8))
grey = Image.fromarray(rng.integers(0, 256, (H, W), dtype=np.uint8))
palette = noisy.quantize(16)
deep = rng.integers(0, 65536, (H, W, 4), dtype=np.uint16)

save("rgb.jpg", rgb, format="JPEG", quality=95, subsampling=0)
save("subsampled.jpg", rgb, format="JPEG", quality=95, subsampling=2)
save("progressive.jpg", rgb, format="JPEG", quality=95, subsampling=0, progressive=True)
save("grey.jpg", Image.fromarray(smooth(1)[..., 0]), format="JPEG", quality=95)
cmyk = save("cmyk.jpg", Image.fromarray(smooth(4), mode="CMYK"), format="JPEG", quality=95)
# The same coefficients, declared as YCCK by the last byte of the Adobe marker.
adobe = cmyk.index(b"Adobe")
write("ycck.jpg", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :])
for orientation in range(1, 9):
    save(f"orientation-{orientation}.jpg", rgb, format="JPEG", quality=95, subsampling=0, exif=exif(orientation))

save("rgb.png", noisy, format="PNG")
save("alpha.png", noisy_rgba, format="PNG")
save("grey.png", grey, format="PNG")
save("grey-alpha.png", noisy_rgba.convert("LA"), format="PNG")
save("bilevel.png", grey.point(lambda v: 255 * (v > 127)).convert("1"), format="PNG")
save("palette.png", palette, format="PNG")
save("palette-transparent.png", palette, format="PNG", transparency=3)
save("grey-transparent.png", grey, format="PNG", transparency=int(np.asarray(grey)[0, 0]))
save("orientation-5.png", noisy, format="PNG", exif=exif(5))
png16("grey16.png", deep[..., 0], 0)
png16("rgb16.png", deep[..., :3], 2)
png16("rgba16.png", deep, 6)

save("rgb.bmp", noisy, format="BMP")
save("palette.bmp", palette, format="BMP")
save("bilevel.bmp", grey.point(lambda v: 255 * (v > 127)).convert("1"), format="BMP")

save("rgb.tif", noisy, format="TIFF")
save("lzw.tif", noisy, format="TIFF", compression="tiff_lzw")
save("alpha.tif", noisy_rgba, format="TIFF", compression="tiff_adobe_deflate")
save("grey.tif", grey, format="TIFF")
save("bilevel.tif", grey.point(lambda v: 255 * (v > 127)).convert("1"), format="TIFF")
save("cmyk.tif", Image.fromarray(rng.integers(0, 256, (H, W, 4), dtype=np.uint8), mode="CMYK"), format="TIFF")
save("orientation-8.tif", noisy, format="TIFF", exif=exif(8))
Image.fromarray(deep[..., 0]).save(HERE / "grey16.tif", format="TIFF")
scaled("grey16.tif", deep[..., 0])

# Files that are refused.
palette.save(HERE / "palette.tif", format="TIFF")
Image.fromarray(rng.random((H, W), dtype=np.float32)).save(HERE / "float.tif", format="TIFF")
noisy.save(HERE / "refused.gif", format="GIF")
rgb.save(HERE / "refused.webp", format="WEBP")

(HERE / "decoded.json").write_text(json.dumps(expected, indent=0) + "\n")


def python3(path, fields):
    """Write a batch as Python 3 does for Python 2: byte strings become calls of _codecs.encode."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(fields, protocol=2))


def python2(path, label, pixels):
    """Write a batch of one image with the bytes of Python 2's cPickle, as CIFAR is published."""
    text = lambda value: b"U" + bytes([len(value)]) + value
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87R("
        b"K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nq\x07U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89T" + struct.pack("<I", len(pixels)) + pixels + b"tb"
    )
    path.write_bytes(
        b"\x80\x02}q\x01(" + text(b"batch_label") + b"q\x02" + text(b"batch") + text(b"labels") + b"]q\x03"
        + b"(K" + bytes([label]) + b"e" + text(b"data") + b"q\x04" + array + text(b"filenames") + b"](U\x05a.pngeu."
    )


# Row r of `pixels` is image r: 1024 red bytes, 1024 green, 1024 blue.
pixels = (np.arange(6)[:, None] * 40 + np.arange(3072)[None, :] // 16).astype(np.uint8)
folder = HERE / "cifar-10-batches-py"
for number in range(6):
    name = "test_batch" if number == 5 else f"data_batch_{number + 1}"
    fields = {b"batch_label": b"batch", b"labels": [9 - number], b"data": pixels[number : number + 1], b"filenames": [b"a.png"]}
    python3(folder / name, fields)
python2(folder / "data_batch_2", 8, pixels[1].tobytes())
folder = HERE / "cifar-100-python"
fields = {b"fine_labels": [99, 3], b"coarse_labels": [1, 2], b"data": np.asfortranarray(pixels[:2])}
python3(folder / "train", fields)
python3(folder / "test", {b"fine_labels": [3], b"coarse_labels": [2], b"data": pixels[2:3]})
