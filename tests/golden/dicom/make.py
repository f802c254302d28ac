"""Write the DICOM test files of ff-data's decoder, and pydicom's output for them.

    python tests/golden/dicom/make.py

Needs pydicom 3, NumPy, Pillow, python-gdcm, pyjpegls and pylibjpeg with pylibjpeg-libjpeg and
pylibjpeg-openjpeg. The seed is fixed. Images are 20 x 12 pixels. `decoded.json` has, for each file,
width, height and RGB bytes in hex: the first frame by pydicom's pixel_array, apply_modality_lut,
apply_voi_lut and apply_color_lut, and by NumPy for the conversion to 8 bits, by the rule in
ff-data's `decode`. The JPEG files of which a marker and the header say different colours have the
picture that was encoded, by Pillow. The files at the end are refused.
"""

import io
import json
import tempfile
from pathlib import Path

import gdcm
import numpy as np
from PIL import Image
from pydicom import Dataset, FileMetaDataset, Sequence, dcmread, dcmwrite, uid
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, convert_color_space, pixel_array

HERE = Path(__file__).parent
W, H = 20, 12
rng = np.random.default_rng(0)
expected = {}


def smooth(channels, low=27, high=227, dtype=np.uint8):
    """Return an image that JPEG changes little: slow gradients, different in each channel."""
    y, x = np.mgrid[0:H, 0:W]
    planes = [0.5 + 0.5 * np.sin(x / (5 + 2 * c) + y / (4 + c) + c) for c in range(channels)]
    picture = (low + (high - low) * np.stack(planes, -1)).round().astype(dtype)
    return picture if channels > 1 else picture[..., 0]


def noise(low, high, dtype, channels=1):
    shape = (H, W) if channels == 1 else (H, W, channels)
    return rng.integers(low, high, shape, dtype=dtype)


def dataset(name, samples, syntax, stored=None, photometric="MONOCHROME2", **fields):
    """Return a file's data set, without pixel data if `samples` is None."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = uid.SecondaryCaptureImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = uid.generate_uid(entropy_srcs=[name])
    ds.file_meta.ImplementationClassUID = uid.PYDICOM_IMPLEMENTATION_UID
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = "Ärztin^Anna"
    ds.PatientID = name
    ds.Modality = "OT"
    if samples is not None:
        ds.Rows, ds.Columns = H, W
        ds.SamplesPerPixel = 1 if photometric.startswith(("MONO", "PALETTE")) else 3
        ds.PhotometricInterpretation = photometric
        ds.BitsAllocated = 8 * samples.dtype.itemsize
        ds.BitsStored = stored or ds.BitsAllocated
        ds.HighBit = ds.BitsStored - 1
        ds.PixelRepresentation = int(samples.dtype.kind == "i")
        if ds.SamplesPerPixel == 3:
            ds.PlanarConfiguration = 0
        native = samples.astype(samples.dtype.newbyteorder(">" if syntax == uid.ExplicitVRBigEndian else "<"))
        ds.PixelData = native.tobytes() + b"\0" * (samples.nbytes % 2)
        ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 and not syntax.is_implicit_VR else "OW"
    for field, value in fields.items():
        setattr(ds, field, value)
    return ds


def write(ds):
    path = HERE / ds.PatientID
    dcmwrite(path, ds, enforce_file_format=True)
    return path


def eight_bits(ds):
    """Convert to 8-bit RGB by the rule of ff-data."""
    samples = pixel_array(ds, index=0)
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        rgb = apply_color_lut(samples, ds)
        wide = rgb.dtype == np.uint16 and ds.RedPaletteColorLookupTableDescriptor[2] == 16
        return (rgb / 257 + 0.5 if wide else rgb).astype(np.uint8)
    if ds.SamplesPerPixel == 3:
        most = 2**ds.BitsStored - 1
        return samples if most == 255 else (samples / most * 255 + 0.5).astype(np.uint8)
    if "WindowWidth" in ds:
        values = apply_voi_lut(apply_modality_lut(samples, ds), ds, index=0, prefer_lut=False)
        # The range that pydicom maps a window to.
        bits = ds.BitsStored
        ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if ds.PixelRepresentation else [0, 2**bits - 1])
        low, high = ends * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0))
    elif ds.BitsStored in (1, 8) and not ds.PixelRepresentation:
        low, high, values = 0, 2**ds.BitsStored - 1, samples
    else:
        values = apply_modality_lut(samples, ds).astype(np.float64)
        low, high = values.min(), values.max()
    grey = np.floor((values - low) / (high - low) * 255 + 0.5).astype(np.uint8)
    if ds.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    return grey[..., None].repeat(3, 2)


def save(ds, rgb=None):
    path = write(ds)
    rgb = eight_bits(dcmread(path)) if rgb is None else rgb
    assert rgb.shape == (ds.Rows, ds.Columns, 3) and rgb.dtype == np.uint8
    expected[ds.PatientID] = {"width": ds.Columns, "height": ds.Rows, "rgb": rgb.tobytes().hex()}


def encapsulated(ds, syntax, *frames, table=True):
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate(list(frames), has_bot=table)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def jpeg(samples, **options):
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, format="JPEG", quality=95, **options)
    return buffer.getvalue()


def jpeg_2000(samples, **options):
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, format="JPEG2000", **{"no_jp2": True, "num_resolutions": 3, **options})
    return buffer.getvalue()


def by_gdcm(ds, syntax):
    """Return the data set with its pixels compressed by GDCM."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = f"{folder}/in.dcm", f"{folder}/out.dcm"
        dcmwrite(path, ds, enforce_file_format=True)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(path)
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(out)
        assert writer.Write()
        compressed = dcmread(out)
        frames = list(generate_frames(compressed.PixelData, number_of_frames=1))
        return encapsulated(ds, compressed.file_meta.TransferSyntaxUID, *frames)


LITTLE, IMPLICIT, BIG = uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian
bytes8, words12 = noise(0, 256, np.uint8), noise(0, 4096, np.uint16)
ct = {"RescaleSlope": 1, "RescaleIntercept": -1024}

# Uncompressed greys.
save(dataset("monochrome1.dcm", bytes8, LITTLE, photometric="MONOCHROME1"))
save(dataset("window-8.dcm", bytes8, LITTLE, WindowCenter=100, WindowWidth=120))
save(dataset("window-12.dcm", words12, LITTLE, 12, WindowCenter=["1040.5", "0"], WindowWidth=["1500", "1"], **ct))
save(dataset("signed-16.dcm", noise(-3000, 3000, np.int16), IMPLICIT, RescaleSlope="0.5", RescaleIntercept="-7.25"))
save(dataset("signed-12.dcm", noise(-2048, 2048, np.int16), LITTLE, 12, WindowCenter=0, WindowWidth=1))
save(dataset("unsigned-16.dcm", noise(9, 65536, np.uint16), LITTLE, photometric="MONOCHROME1"))
save(dataset("big-endian.dcm", words12, BIG, 12))
exact = {"VOILUTFunction": "LINEAR_EXACT", "WindowCenter": 2000, "WindowWidth": 3000}
save(dataset("linear-exact.dcm", words12, IMPLICIT, 12, photometric="MONOCHROME1", **exact))
sigmoid = {"VOILUTFunction": "SIGMOID", "WindowCenter": 900, "WindowWidth": 700}
save(dataset("sigmoid.dcm", words12, uid.DeflatedExplicitVRLittleEndian, 12, **sigmoid, **ct))

# Bytes in big-endian words, and an odd number of them.
swapped = dataset("big-endian-8.dcm", bytes8, BIG)
swapped.PixelData = bytes8.reshape(-1, 2)[:, ::-1].tobytes()
swapped["PixelData"].VR = "OW"
save(swapped)

# Sequences that contain images, of defined and undefined length, native and encapsulated.
nested = dataset("icon.dcm", bytes8, IMPLICIT)
icon = Dataset()
icon.Rows = icon.Columns = 2
icon.PixelData = bytes(4)
icon["PixelData"].VR = "OW"
nested.IconImageSequence = Sequence([icon])
nested.ReferencedImageSequence = Sequence([Dataset(), Dataset()])
nested["ReferencedImageSequence"].is_undefined_length = True
save(nested)
nested = encapsulated(dataset("icon-jpeg.dcm", smooth(1), LITTLE), uid.JPEGBaseline8Bit, jpeg(smooth(1)))
icon = Dataset()
icon.Rows = icon.Columns = 8
icon.PixelData = encapsulate([jpeg(np.zeros((8, 8), np.uint8))])
icon["PixelData"].VR = "OB"
icon["PixelData"].is_undefined_length = True
nested.IconImageSequence = Sequence([icon])
save(nested)

# Colours.
colours = noise(0, 256, np.uint8, 3)
save(dataset("rgb.dcm", colours, LITTLE, photometric="RGB"))
planar = dataset("planar.dcm", colours, LITTLE, photometric="RGB", PlanarConfiguration=1)
planar.PixelData = colours.transpose(2, 0, 1).tobytes()
save(planar)
ycc = convert_color_space(smooth(3), "RGB", "YBR_FULL")
save(dataset("ybr.dcm", ycc, LITTLE, photometric="YBR_FULL"))
halved = dataset("ybr-422.dcm", ycc, LITTLE, photometric="YBR_FULL_422")
pairs = ycc.reshape(-1, 2, 3)
halved.PixelData = np.stack([pairs[:, 0, 0], pairs[:, 1, 0], pairs[:, 0, 1], pairs[:, 0, 2]], -1).tobytes()
save(halved)

# Compressed.
for name, ds in {
    "rle-8.dcm": dataset("rle-8.dcm", (bytes8 // 64 * 64), LITTLE),
    "rle-16.dcm": dataset("rle-16.dcm", words12, LITTLE, 12, WindowCenter=2000, WindowWidth=2500),
    "rle-rgb.dcm": dataset("rle-rgb.dcm", colours, LITTLE, photometric="RGB"),
}.items():
    ds.compress(uid.RLELossless, generate_instance_uid=False)
    save(ds)
# As in the RSNA's pneumonia challenge: one fragment, no window.
baseline = dataset("baseline.dcm", smooth(1), LITTLE, Modality="CR", ViewPosition="PA", PixelSpacing=[0.14, 0.14])
save(encapsulated(baseline, uid.JPEGBaseline8Bit, jpeg(smooth(1)), table=False))
baseline = dataset("baseline-ybr.dcm", smooth(3), LITTLE, photometric="YBR_FULL_422")
save(encapsulated(baseline, uid.JPEGBaseline8Bit, jpeg(smooth(3), subsampling=0)))
save(by_gdcm(dataset("lossless-8.dcm", bytes8, LITTLE), "JPEGLosslessProcess14"))
save(by_gdcm(dataset("lossless-12.dcm", words12, LITTLE, 12, **ct), "JPEGLosslessProcess14_1"))
save(by_gdcm(dataset("lossless-16.dcm", noise(-9999, 9999, np.int16), LITTLE), "JPEGLosslessProcess14_1"))
save(by_gdcm(dataset("lossless-rgb.dcm", colours, LITTLE, photometric="RGB"), "JPEGLosslessProcess14_1"))

# The first of several frames.
frames = np.stack([words12, words12[::-1]])
save(dataset("frames.dcm", frames, LITTLE, 12, NumberOfFrames=2))
ds = dataset("frames-jpeg.dcm", smooth(1), LITTLE, NumberOfFrames=2)
first, second = jpeg(smooth(1)), jpeg(smooth(1)[::-1].copy())
save(encapsulated(ds, uid.JPEGBaseline8Bit, first, second))
ds = dataset("fragments.dcm", smooth(1), LITTLE, NumberOfFrames=2)
ds = encapsulated(ds, uid.JPEGBaseline8Bit, first, second)
ds.PixelData = encapsulate([first, second], fragments_per_frame=3)
save(ds)

# A JPEG whose markers, components' names and header agree or disagree on its colours.
adobe = [b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform]) for transform in range(2)]
coded_rgb, coded_ycc = jpeg(smooth(3), keep_rgb=True), jpeg(smooth(3), subsampling=0)
jfif = coded_ycc[2:20]
assert adobe[0] in coded_rgb and jfif.startswith(b"\xff\xe0\0\x10JFIF")
named = coded_rgb.replace(adobe[0], b"")
unnamed = named.replace(b"\x03R\x11\0G\x11\0B\x11\0", b"\x03\1\x11\0\2\x11\0\3\x11\0")
unnamed = unnamed.replace(b"\x03R\0G\0B\0", b"\x03\1\0\2\0\3\0")
assert len(unnamed) == len(named) and b"R\x11" not in unnamed and b"R\0G" not in unnamed
for name, picture, photometric, coded, marker in [
    ("colours-rgb.dcm", coded_rgb, "RGB", coded_rgb, b""),
    ("colours-header-rgb.dcm", coded_rgb, "RGB", unnamed, b""),
    ("colours-names.dcm", coded_rgb, "YBR_FULL", named, b""),
    ("colours-names-jfif.dcm", coded_rgb, "YBR_FULL", named, jfif),
    ("colours-adobe-rgb.dcm", coded_rgb, "YBR_FULL_422", unnamed, adobe[0]),
    ("colours-header-ycc.dcm", coded_ycc, "YBR_FULL", coded_ycc.replace(jfif, b""), b""),
    ("colours-jfif.dcm", coded_ycc, "RGB", coded_ycc, b""),
    ("colours-jfif-adobe.dcm", coded_ycc, "RGB", coded_ycc, adobe[0]),
    ("colours-adobe-ycc.dcm", coded_ycc, "RGB", coded_ycc.replace(jfif, b""), adobe[1]),
]:
    start = 20 if coded.startswith(b"\xff\xd8" + jfif) else 2
    ds = dataset(name, smooth(3), LITTLE, photometric=photometric)
    frame = coded[:start] + marker + coded[start:]
    save(encapsulated(ds, uid.JPEGBaseline8Bit, frame), np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")))
odd = np.ascontiguousarray(smooth(3)[:, : W - 1])
ds = dataset("odd-422.dcm", odd, LITTLE, photometric="YBR_FULL_422", Columns=W - 1)
save(encapsulated(ds, uid.JPEGBaseline8Bit, jpeg(odd, subsampling=0)))

# JPEG 2000 and JPEG-LS.
words16 = noise(-9999, 9999, np.int16)
for name, samples, stored in [("8", bytes8, 8), ("12", words12, 12), ("16", words16, 16)]:
    save(by_gdcm(dataset(f"jpeg-2000-{name}.dcm", samples, LITTLE, stored, **ct), "JPEG2000Lossless"))
    ds = dataset(f"jpeg-ls-{name}.dcm", samples, LITTLE, stored, **ct)
    ds.compress(uid.JPEGLSLossless, generate_instance_uid=False)
    save(ds)
ds = dataset("jpeg-ls-near.dcm", smooth(1), LITTLE)
ds.compress(uid.JPEGLSNearLossless, jls_error=2, generate_instance_uid=False)
save(ds)
ds = dataset("jpeg-2000-lossy.dcm", smooth(1), LITTLE)
lossy = {"irreversible": True, "quality_mode": "rates", "quality_layers": [4]}
save(encapsulated(ds, uid.JPEG2000, jpeg_2000(smooth(1), **lossy)))
# Signed samples that are encoded as unsigned ones.
signed = noise(-128, 128, np.int8)
ds = dataset("jpeg-2000-sign.dcm", signed, LITTLE)
save(encapsulated(ds, uid.JPEG2000Lossless, jpeg_2000(signed.view(np.uint8))))
# Colours: without a transform and in small tiles, precincts and code-blocks; with the reversible
# transform; with the irreversible one.
ds = dataset("jpeg-2000-rgb.dcm", colours, LITTLE, photometric="RGB")
small = {"tile_size": (16, 8), "precinct_size": (8, 8), "codeblock_size": (4, 4)}
save(encapsulated(ds, uid.JPEG2000Lossless, jpeg_2000(colours, mct=0, **small)))
ds = dataset("jpeg-2000-rct.dcm", colours, LITTLE, photometric="YBR_RCT")
save(encapsulated(ds, uid.JPEG2000Lossless, jpeg_2000(colours, mct=1)))
ds = dataset("jpeg-2000-ict.dcm", smooth(3), LITTLE, photometric="YBR_ICT")
save(encapsulated(ds, uid.JPEG2000, jpeg_2000(smooth(3), mct=1, **lossy)))
# A codestream inside a file's boxes.
ds = dataset("jpeg-2000-boxes.dcm", bytes8, LITTLE)
save(encapsulated(ds, uid.JPEG2000Lossless, jpeg_2000(bytes8, no_jp2=False)))

# Palettes, of words and of bytes.
def palette(name, samples, count, first, bits, tables, **fields):
    ds = dataset(name, samples, LITTLE, photometric="PALETTE COLOR", **fields)
    for colour, table in zip(("Red", "Green", "Blue"), tables):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [count, first, bits])
        ds[f"{colour}PaletteColorLookupTableDescriptor"].VR = "SS" if first < 0 else "US"
        setattr(ds, f"{colour}PaletteColorLookupTableData", table.tobytes() + b"\0" * (table.nbytes % 2))
    return ds


save(palette("palette-words.dcm", bytes8, 100, 60, 16, rng.integers(0, 65536, (3, 100), dtype=np.uint16)))
save(palette("palette-word-8.dcm", bytes8, 100, 0, 8, rng.integers(0, 256, (3, 100), dtype=np.uint16)))
tables = rng.integers(0, 256, (3, 256), dtype=np.uint8)
save(palette("palette-bytes.dcm", noise(-200, 128, np.int16), 256, -128, 8, tables))

# Other numbers of bits.
bits = noise(0, 2, np.uint8)
ds = dataset("bits-1.dcm", bits, LITTLE, 1, NumberOfFrames=2)
ds.BitsAllocated = 1
ds.PixelData = np.packbits(np.concatenate([bits.ravel(), bits.ravel() ^ 1]), bitorder="little").tobytes()
save(ds)
save(dataset("bits-6.dcm", noise(5, 60, np.uint8), LITTLE, 6))
save(dataset("rgb-16.dcm", noise(0, 65536, np.uint16, 3), LITTLE, photometric="RGB"))
deep = noise(0, 4096, np.uint16, 3)
planar = dataset("rgb-12-planar.dcm", deep, IMPLICIT, 12, photometric="RGB", PlanarConfiguration=1)
planar.PixelData = deep.transpose(2, 0, 1).tobytes()
save(planar)

(HERE / "decoded.json").write_text(json.dumps(expected, indent=0) + "\n")

# Files that are refused.
ds = dataset("refused-jpeg-ls-rgb.dcm", smooth(3), LITTLE, photometric="RGB")
ds.compress(uid.JPEGLSLossless, generate_instance_uid=False)
write(ds)
# Only the header says 12 bits, since none of these libraries encodes them.
extended = first.replace(b"\xff\xc0\x00\x0b\x08", b"\xff\xc1\x00\x0b\x0c")
words = dataset("refused-extended-12.dcm", words12, LITTLE, 12)
write(encapsulated(words, uid.JPEGExtended12Bit, extended))
write(dataset("refused-palette.dcm", bytes8, LITTLE, photometric="PALETTE COLOR"))
table = Dataset()
table.LUTDescriptor, table.ModalityLUTType = [2, 0, 16], "US"
table.LUTData = [0, 65535]
table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
write(dataset("refused-modality-lut.dcm", words12, LITTLE, 12, ModalityLUTSequence=Sequence([table])))
write(dataset("refused-no-pixels.dcm", None, LITTLE))
