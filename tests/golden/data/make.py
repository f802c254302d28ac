"""Write the test files of ff-data's decoder and CIFAR reader, and Pillow's output for them.

    python tests/golden/data/make.py

Needs Pillow, NumPy, and cjpeg and jpegtran of libjpeg-turbo. The seed is fixed. Images are 20 x 12
pixels. `decoded.json` has, for each file, width, height and RGB bytes in hex: Pillow's
exif_transpose and convert("RGB"), except for 16-bit samples, which are round(v / 257), and other
samples of a TIFF that are not 8-bit, which are stretched, both by NumPy.
"""

import io
import json
import pickle
import struct
import subprocess
import tempfile
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



def run(data, *command):
    """Return what a program writes to its standard output for this input."""
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


# JPEGs that few programs write: each component in a scan of its own, also with restarts; a luma of
# fewer samples than one chroma; sampling by three; JFIF with the markers of RGB.
buffer = io.BytesIO()
rgb.save(buffer, format="PPM")
ppm = buffer.getvalue()
with tempfile.NamedTemporaryFile("w", suffix=".txt") as scans:
    scans.write("0;\n1;\n2;\n")
    scans.flush()
    alone = ("cjpeg", "-quality", "95", "-scans", scans.name)
    write("scans-2x2.jpg", run(ppm, *alone, "-sample", "2x2"))
    write("scans-2x1-restart.jpg", run(ppm, *alone, "-sample", "2x1", "-restart", "2B"))
    oriented = run((HERE / "orientation-6.jpg").read_bytes(), "jpegtran", "-copy", "all", "-scans", scans.name)
    write("scans-orientation-6.jpg", oriented)
write("narrow-luma.jpg", run(ppm, "cjpeg", "-quality", "95", "-sample", "1x1,2x1,1x1"))
write("narrow-luma-progressive.jpg", run(ppm, "cjpeg", "-quality", "95", "-progressive", "-sample", "1x1,2x1,1x1"))
write("thirds.jpg", run(ppm, "cjpeg", "-quality", "95", "-sample", "3x1"))
jfif = (HERE / "rgb.jpg").read_bytes()
assert jfif[6:10] == b"JFIF" and jfif[4:6] == b"\0\x10"
write("jfif-adobe-0.jpg", jfif[:20] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0" + jfif[20:])
names = bytearray(jfif)
frame, scan = names.index(b"\xff\xc0"), names.index(b"\xff\xda")
names[frame + 10 : frame + 19 : 3] = names[scan + 5 : scan + 11 : 2] = b"RGB"
write("jfif-names-rgb.jpg", bytes(names))
(HERE / "refused-arithmetic.jpg").write_bytes(run(ppm, "cjpeg", "-arithmetic"))


def tiff(name, samples, photometric, tile=None, planar=False):
    """Write an uncompressed TIFF, little endian, of one strip or of square tiles (for each plane)."""
    samples = np.atleast_3d(samples)
    height, width, channels = samples.shape
    formats = {"u": 1, "i": 2, "f": 3}
    planes = [samples[..., c : c + 1] for c in range(channels)] if planar else [samples]
    chunks = []
    for plane in planes:
        side = tile or max(height, width)
        for y in range(0, height, side):
            for x in range(0, width, side):
                part = plane[y : y + side, x : x + side]
                if tile:
                    part = np.pad(part, ((0, side - part.shape[0]), (0, side - part.shape[1]), (0, 0)))
                chunks.append(part.astype(samples.dtype.newbyteorder("<")).tobytes())
    tags = [(256, "I", [width]), (257, "I", [height]), (258, "H", [8 * samples.itemsize] * channels)]
    tags += [(259, "H", [1]), (262, "H", [photometric]), (277, "H", [channels]), (284, "H", [1 + planar])]
    tags += [(322, "I", [tile]), (323, "I", [tile])] if tile else [(278, "I", [height])]
    tags += [(324 if tile else 273, "I", [0] * len(chunks)), (325 if tile else 279, "I", list(map(len, chunks)))]
    tags += [(530, "H", [1, 1])] if photometric == 6 else []
    tags = sorted(tags + [(339, "H", [formats[samples.dtype.kind]] * channels)])
    start = 8 + 2 + 12 * len(tags) + 4
    size = sum(struct.calcsize(kind) * len(values) for _, kind, values in tags if struct.calcsize(kind) * len(values) > 4)
    first = start + size
    entries, extra = b"", b""
    for tag, kind, values in tags:
        if tag in (273, 324):
            values = [first + sum(map(len, chunks[:number])) for number in range(len(chunks))]
        body = struct.pack(f"<{len(values)}{kind}", *values)
        place = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack("<I", start + len(extra))
        extra += body if len(body) > 4 else b""
        entries += struct.pack("<HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + place
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0"
    (HERE / name).write_bytes(head + extra + b"".join(chunks))


def stretched(name, samples, least, greatest):
    least, greatest = float(least), float(greatest)
    levels = np.floor((samples.astype(np.float64) - least) * 255 / (greatest - least) + 0.5).astype(np.uint8)
    levels = np.atleast_3d(levels)
    levels = levels if levels.shape[2] == 3 else levels.repeat(3, 2)
    expected[name] = {"width": W, "height": H, "rgb": levels.tobytes().hex()}


palette.save(HERE / "palette.tif", format="TIFF")
reference("palette.tif", (HERE / "palette.tif").read_bytes())
y, x = np.mgrid[0:H, 0:W]
wave = np.stack([(x * 7 + y * 5 + c * 11) % 97 for c in range(3)], -1)
fractions = rng.random((H, W), dtype=np.float32)
Image.fromarray(fractions).save(HERE / "float.tif", format="TIFF")
stretched("float.tif", fractions, 0, 1)
for name, samples in [
    ("float-range.tif", (wave[..., 0] * 32.5 - 1000).astype(np.float32)),
    ("float-rgb.tif", (wave * 1.5).astype(np.float32)),
    ("float64.tif", (wave[..., 1] - 40.25).astype(np.float64)),
    ("float16.tif", (wave[..., 2] * 4).astype(np.float16)),
    ("int16.tif", (wave[..., 0] * 300 - 5000).astype(np.int16)),
    ("int32.tif", (wave[..., 1] * 40_000_000 - 2_000_000_000).astype(np.int32)),
    ("uint32.tif", (wave[..., 2] * 40_000_000).astype(np.uint32)),
]:
    tiff(name, samples, 2 if samples.ndim == 3 else 1)
    stretched(name, samples, samples.min(), samples.max())
tiff("refused-nan.tif", np.where(wave[..., 0] == 0, np.nan, 0.5).astype(np.float32), 1)
tiff("refused-bands.tif", wave.astype(np.uint8), 1)
colours = (wave * 2).astype(np.uint8)
for name, options in [("planar.tif", {"planar": True}), ("tiled.tif", {"tile": 16}), ("tiled-planar.tif", {"tile": 16, "planar": True})]:
    tiff(name, colours, 2, **options)
    expected[name] = {"width": W, "height": H, "rgb": colours.tobytes().hex()}
tiff("ycbcr.tif", np.asarray(rgb.convert("YCbCr")), 6)
expected["ycbcr.tif"] = {"width": W, "height": H, "rgb": rgb.convert("YCbCr").convert("RGB").tobytes().hex()}
save("grey-alpha.tif", Image.fromarray(colours[..., :2].copy(), mode="LA"), format="TIFF")

save("palette.gif", noisy, format="GIF")
save("transparent.gif", palette, format="GIF", transparency=3)
save("frames.gif", palette, format="GIF", save_all=True, append_images=[noisy.rotate(180).quantize(16)])
save("lossy.webp", rgb, format="WEBP")
save("lossless.webp", noisy, format="WEBP", lossless=True)
save("alpha.webp", noisy_rgba, format="WEBP", lossless=True, exact=True)
save("orientation-6.webp", noisy, format="WEBP", lossless=True, exif=exif(6))
save("frames.webp", noisy, format="WEBP", lossless=True, save_all=True, append_images=[noisy.rotate(180)])

save("rgb.ppm", noisy, format="PPM")
save("grey.pgm", grey, format="PPM")
save("bilevel.pbm", grey.point(lambda v: 255 * (v > 127)).convert("1"), format="PPM")
write("text.ppm", b"P3\n# a comment\n20 12\n255\n" + b"\n".join(b"%d %d %d" % tuple(pixel) for pixel in colours.reshape(-1, 3)))
write("hundred.pgm", b"P5 20 12 100\n" + wave[..., 0].astype(np.uint8).tobytes())
(HERE / "grey16.pgm").write_bytes(b"P5 20 12 65535\n" + deep[..., 0].astype(">u2").tobytes())
scaled("grey16.pgm", deep[..., 0])
(HERE / "alpha.pam").write_bytes(
    b"P7\nWIDTH 20\nHEIGHT 12\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + noisy_rgba.tobytes()
)
expected["alpha.pam"] = {"width": W, "height": H, "rgb": noisy_rgba.convert("RGB").tobytes().hex()}

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
