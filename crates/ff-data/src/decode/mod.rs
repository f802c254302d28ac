//! Decodes image files to an [`Image`].

mod dicom;

use std::io::Cursor;
use std::path::Path;

use ::image::error::ImageError;
use ::image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::error::Error;
use crate::image::Image;

/// Maximum pixels of an image, the limit at which Pillow refuses one. A small file can claim an
/// image that fills the memory.
pub const MAX_PIXELS: u64 = 178_956_970;

/// Maximum bytes that a decoder allocates: 16-bit RGBA at [`MAX_PIXELS`], with room for buffers.
const MAX_DECODER_BYTES: u64 = 2 << 30;

const FORMATS: &str = "a JPEG, PNG, TIFF, BMP or DICOM image";

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
/// is converted without a colour profile, the EXIF orientation (JPEG, PNG, TIFF) is applied. A file
/// with several images gives the first.
///
/// Deviation: 16-bit samples become `round(v / 257)`, where Pillow keeps the high byte of colours
/// and clips greys at 255.
///
/// # DICOM
/// A file with `DICM` at byte 128 gives its first frame. Pixel data may be uncompressed (implicit
/// or explicit little endian, explicit big endian, deflated), RLE, JPEG baseline, JPEG extended of
/// 8 bits, or lossless JPEG; greys have 8 to 16 bits, colours (RGB, YBR_FULL, YBR_FULL_422) 8.
/// Greys are converted to 8 bits as follows:
///
/// 1. With Window Center and Width: `slope * v + intercept` (Rescale Slope and Intercept, or 1 and
///    0), then the first window, black to white as 0 to 255, by VOI LUT Function (linear where
///    there is none).
/// 2. Without a window, unsigned samples of 8 bits stored are kept unchanged.
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
/// and unsupported forms: floating-point samples; palette, YCbCr and Lab TIFF; arithmetic-coded,
/// lossless and 12-bit JPEG; in DICOM, other transfer syntaxes (JPEG 2000, JPEG-LS, JPEG XL,
/// video), extended JPEG of 12 bits, other numbers of bits, palettes, and a Modality LUT Sequence.
pub fn decode(bytes: &[u8], place: &str) -> Result<Image, Error> {
    if dicom::is_dicom(bytes) {
        return dicom::decode(bytes, place);
    }
    let format = ::image::guess_format(bytes).map_err(|_| unrecognised(bytes, place))?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Tiff | ImageFormat::Bmp) {
        let hint = "convert it to PNG, or remove it from the dataset";
        return Err(Error::image(place, FORMATS, format!("{format:?}")).hint(hint));
    }
    if format == ImageFormat::Jpeg && jpeg_is_truncated(bytes) {
        return Err(Error::image(
            place,
            "a whole JPEG image",
            "one without an end marker: the file is truncated",
        ));
    }
    let explain = |error| explain(&error, format, place);
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    let count = u64::from(width) * u64::from(height);
    if count == 0 || count > MAX_PIXELS {
        let expected = format!("an image of 1 to {MAX_PIXELS} pixels");
        return Err(Error::image(place, expected, format!("{width} x {height}")));
    }
    let color = decoder.color_type();
    if matches!(color, ColorType::Rgb32F | ColorType::Rgba32F) {
        let hint = "rescale it to 8 or 16 bits; the file does not say its range";
        let found = format!("{format:?} with floating-point samples");
        return Err(Error::image(place, "samples of 8 or 16 bits", found).hint(hint));
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    decoder.set_limits(limits).map_err(explain)?;
    let orientation = decoder.orientation().map_err(explain)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(explain)?;
    picture.apply_orientation(orientation);
    let rgb = picture.into_rgb8();
    Ok(Image { width: rgb.width(), height: rgb.height(), data: rgb.into_raw() })
}

fn unrecognised(bytes: &[u8], place: &str) -> Error {
    let found = match bytes {
        [] => "an empty file".to_owned(),
        _ => format!("bytes that start with {:02x?}", &bytes[..bytes.len().min(8)]),
    };
    Error::image(place, FORMATS, found)
}

fn explain(error: &ImageError, format: ImageFormat, place: &str) -> Error {
    let (expected, found) = match error {
        ImageError::Unsupported(_) => (format!("a {format:?} image of a supported form"), error.to_string()),
        ImageError::Limits(_) => (format!("an image of at most {MAX_PIXELS} pixels"), error.to_string()),
        _ => (format!("a valid {format:?} image"), format!("a corrupt one: {error}")),
    };
    Error::image(place, expected, found)
}

/// Returns whether a JPEG ends before its end-of-image marker. The decoder would fill the missing
/// part with grey, and a model would be trained on it.
fn jpeg_is_truncated(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2], bytes: &[u8]| bytes.windows(2).rposition(|pair| pair == marker);
    // The last end marker counts: a thumbnail in the EXIF block has its own scan and end marker
    // before the scan of the image.
    last([0xff, 0xd9], bytes).is_none_or(|end| last([0xff, 0xda], &bytes[end..]).is_some())
}
