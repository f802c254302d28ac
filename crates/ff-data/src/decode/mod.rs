//! Decodes image files to an [`Image`].

mod caught;
mod dicom;
mod jpeg;
mod tiff;

use std::io::Cursor;
use std::path::Path;

use ::image::error::ImageError;
use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

pub(crate) use self::caught::catch;
pub use self::caught::is_decoding;

use crate::error::Error;
use crate::image::Image;
use crate::stand_in::stand_in;

/// Maximum pixels of an image, the limit at which Pillow refuses one. A small file can claim an
/// image that fills the memory.
pub const MAX_PIXELS: u64 = 178_956_970;

/// Maximum bytes that a decoder allocates: 16-bit RGBA at [`MAX_PIXELS`], with room for buffers.
const MAX_DECODER_BYTES: u64 = 2 << 30;

const SUPPORTED: [ImageFormat; 7] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::Tiff,
    ImageFormat::Bmp,
    ImageFormat::Gif,
    ImageFormat::WebP,
    ImageFormat::Pnm,
];

const FORMATS: &str = "a JPEG, PNG, TIFF, BMP, GIF, WebP, PNM or DICOM image";

/// The bytes from which [`starts_an_image`] tells.
pub const START: usize = 132;

/// Returns whether a file that starts with these bytes is of a format that [`decode`] reads.
pub fn starts_an_image(bytes: &[u8]) -> bool {
    dicom::is_dicom(bytes) || ::image::guess_format(bytes).is_ok_and(|format| SUPPORTED.contains(&format))
}

/// Decodes an image file.
///
/// # Errors
/// [`Error::Read`], or [`Error::Image`] as for [`decode`].
pub fn read_image(path: &Path) -> Result<Image, Error> {
    let bytes = std::fs::read(path).map_err(Error::read(path))?;
    decode(&bytes, &path.display().to_string())
}

/// Decodes an image from the bytes of its file. `place` names it in errors.
///
/// The format is detected from the content. The result is what Pillow's `exif_transpose` and
/// `convert("RGB")` give: palettes and greys are expanded, alpha is dropped without blending, CMYK
/// is converted without a colour profile, the EXIF orientation (JPEG, PNG, TIFF, WebP) is applied. A
/// file with several images (GIF, TIFF, WebP) gives the first. What follows the end marker of a
/// JPEG, such as the film of a motion photo, is ignored.
///
/// Deviations: 16-bit samples become `round(v / 257)`, where Pillow keeps the high byte of colours
/// and clips greys at 255. Floating-point samples of a TIFF are black to white from 0 to 1 if all
/// are in this range. Others, and TIFF's signed and 32-bit integers, are stretched from the least
/// sample in the file (0) to the greatest (255), all colours alike; Pillow clips them.
///
/// # DICOM
/// A file with `DICM` at byte 128 gives its first frame, as does one without that preamble or
/// without meta information, if it starts with an element with which a DICOM file can start. Pixel
/// data may be uncompressed (implicit or explicit little endian, explicit big endian, deflated),
/// RLE, JPEG baseline, JPEG extended of 8 bits, lossless JPEG, JPEG 2000 or, for greys and
/// palettes, JPEG-LS. Greys, palettes, and colours (RGB, YBR_FULL, YBR_FULL_422, YBR_ICT, YBR_RCT)
/// have up to 16 bits.
///
/// Whether a JPEG is YCbCr or RGB is decided by the first of these that says so: the names of its
/// components, its JFIF marker, its Adobe marker, the Photometric Interpretation. Colours of other
/// than 8 bits are rescaled to 8. Greys are converted to 8 bits as follows:
///
/// 1. With Window Center and Width: `slope * v + intercept` (Rescale Slope and Intercept, or 1 and
///    0), then the first window, black to white as 0 to 255, by VOI LUT Function (linear where
///    there is none).
/// 2. Without a window, unsigned samples of 8 bits stored are kept unchanged; those of 1 bit are
///    black and white.
/// 3. Without a window, all others are rescaled, then stretched from their least value in the image
///    (0) to their greatest (255); an image of one value is 0.
/// 4. MONOCHROME1 is inverted after that: white is always bright.
///
/// Halves are rounded up. Ignored are windows and rescaling inside sequences (the functional groups
/// of enhanced images), VOI LUT tables, presentation LUTs, overlays, Pixel Padding Value, and
/// windows of colours.
///
/// # Errors
/// [`Error::Image`] for other formats, corrupt or truncated data, more than [`MAX_PIXELS`] pixels,
/// a file on which a decoder panics, and unsupported forms: TIFF with samples that are not finite,
/// with Lab colours, or with more than one channel of which none is a colour; arithmetic-coded,
/// lossless and 12-bit JPEG; in DICOM, other transfer syntaxes (JPEG 2000 part 2, HTJ2K, JPEG XL,
/// video), extended JPEG of 12 bits, JPEG-LS of colours, more than 16 bits, segmented palettes, and
/// a Modality LUT Sequence.
pub fn decode(bytes: &[u8], place: &str) -> Result<Image, Error> {
    catch(place, || {
        if dicom::is_dicom(bytes) {
            return dicom::decode(bytes, place);
        }
        let (mut picture, orientation) = picture(bytes, place)?;
        picture.apply_orientation(orientation);
        let rgb = picture.into_rgb8();
        Ok(Image { width: rgb.width(), height: rgb.height(), data: rgb.into_raw() })
    })
}

/// Decodes what is not DICOM, as it is stored.
fn picture(bytes: &[u8], place: &str) -> Result<(DynamicImage, Orientation), Error> {
    let format = ::image::guess_format(bytes).map_err(|_| unrecognised(bytes, place))?;
    match format {
        other if !SUPPORTED.contains(&other) => {
            let hint = "convert it to PNG, or remove it from the dataset";
            return Err(Error::image(place, FORMATS, format!("{other:?}")).hint(hint));
        }
        ImageFormat::Tiff => return tiff::decode(bytes, place),
        ImageFormat::Jpeg => {
            let header = jpeg::Header::read(bytes, place)?;
            if header.needs_jpeg_decoder() {
                return header.decode(bytes, place);
            }
        }
        _ => {}
    }
    let explain = |error| explain(&error, format, place);
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, place)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    decoder.set_limits(limits).map_err(explain)?;
    let orientation = decoder.orientation().map_err(explain)?;
    Ok((DynamicImage::from_decoder(decoder).map_err(explain)?, orientation))
}

/// Refuses an image without pixels, or of more than [`MAX_PIXELS`].
fn check_size(width: u32, height: u32, place: &str) -> Result<(), Error> {
    let count = u64::from(width) * u64::from(height);
    if count == 0 || count > MAX_PIXELS {
        let expected = format!("an image of 1 to {MAX_PIXELS} pixels");
        return Err(Error::image(place, expected, format!("{width} x {height}")));
    }
    Ok(())
}

/// Converts CMYK without a colour profile, as Pillow does.
fn cmyk_to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let white = 255 - k;
    [c, m, y].map(|ink| {
        let product = u32::from(ink) * u32::from(white) + 128;
        white - ((product + (product >> 8)) >> 8) as u8
    })
}

/// Converts full-range YCbCr of ITU-R BT.601 (DICOM part 3, C.7.6.3.1.2).
fn ycc_to_rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let [y, cb, cr] = [f64::from(y), f64::from(cb) - 128., f64::from(cr) - 128.];
    // `as` clips to 0 and 255.
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v: f64| v.round() as u8)
}

fn unrecognised(bytes: &[u8], place: &str) -> Error {
    if let Some((found, hint)) = stand_in(bytes) {
        return Error::image(place, FORMATS, found).hint(hint);
    }
    let start = format!("bytes that start with {:02x?}", &bytes[..bytes.len().min(8)]);
    match bytes.get(4..8) {
        // Photos of phones.
        Some(b"ftyp") => Error::image(place, FORMATS, "HEIC, or a film").hint("convert it to JPEG or PNG"),
        _ => Error::image(place, FORMATS, start),
    }
}

fn explain(error: &ImageError, format: ImageFormat, place: &str) -> Error {
    let (expected, found) = match error {
        ImageError::Unsupported(_) => (format!("a {format:?} image of a supported form"), error.to_string()),
        ImageError::Limits(_) => (format!("an image of at most {MAX_PIXELS} pixels"), error.to_string()),
        _ => (format!("a valid {format:?} image"), format!("a corrupt one: {error}")),
    };
    Error::image(place, expected, found)
}
