"""Write the DICOM test files of ff-data's decoder, and pydicom's output for them.

    python tests/golden/dicom/make.py

Needs pydicom 3, NumPy, Pillow, python-gdcm and pylibjpeg with pylibjpeg-libjpeg and
pylibjpeg-openjpeg. The seed is fixed. Images are 20 x 12 pixels. `decoded.json` has, for each file,
width, height and RGB bytes in hex: the first frame by pydicom's pixel_array, apply_modality_lut and
apply_voi_lut, and by NumPy for the conversion to 8 bits, by the rule in ff-data's `decode`. The
files at the end are refused.
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
from pydicom.pixels import apply_modality_lut, apply_voi_lut, convert_color_space, pixel_array

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
    if ds.SamplesPerPixel == 3:
        return samples
    if "WindowWidth" in ds:
        values = apply_voi_lut(apply_modality_lut(samples, ds), ds, index=0, prefer_lut=False)
        # The range that pydicom maps a window to.
        bits = ds.BitsStored
        ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if ds.PixelRepresentation else [0, 2**bits - 1])
        low, high = ends * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0))
    elif ds.BitsStored == 8 and not ds.PixelRepresentation:
        low, high, values = 0, 255, samples
    else:
        values = apply_modality_lut(samples, ds).astype(np.float64)
        low, high = values.min(), values.max()
    grey = np.floor((values - low) / (high - low) * 255 + 0.5).astype(np.uint8)
    if ds.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    return grey[..., None].repeat(3, 2)


def save(ds):
    rgb = eight_bits(dcmread(write(ds)))
    assert rgb.shape == (H, W, 3) and rgb.dtype == np.uint8
    expected[ds.PatientID] = {"width": W, "height": H, "rgb": rgb.tobytes().hex()}


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

(HERE / "decoded.json").write_text(json.dumps(expected, indent=0) + "\n")

# Files that are refused.
write(by_gdcm(dataset("refused-jpeg-2000.dcm", bytes8, LITTLE), "JPEG2000Lossless"))
write(by_gdcm(dataset("refused-jpeg-ls.dcm", bytes8, LITTLE), "JPEGLSLossless"))
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
