//! Decodes JPEG frames of DICOM files: baseline, extended of 8 bits, lossless.

use jpeg_decoder::{ColorTransform, Decoder};

use super::tone::Samples;
use crate::decode::jpeg::jpeg_is_truncated;

/// The markers of a JPEG before its first scan.
#[derive(Default)]
struct Markers {
    /// The last digit of the start-of-frame marker: 0 baseline, 1 extended, 3 lossless.
    process: u8,
    precision: u8,
    size: (usize, usize),
    components: usize,
    restarts: bool,
    /// Whether the components are named R, G and B.
    named_rgb: bool,
    jfif: bool,
    /// The colour transform of an Adobe marker.
    adobe: Option<u8>,
    point_transform: u8,
}

impl Markers {
    /// Returns whether three components are YCbCr, if the JPEG says so.
    ///
    /// Names are the most specific, as pydicom has it. A JFIF marker, which allows only YCbCr, is
    /// worth more than an Adobe marker, as in libjpeg.
    fn ycc(&self) -> Option<bool> {
        if self.named_rgb {
            return Some(false);
        }
        if self.jfif { Some(true) } else { self.adobe.map(|transform| transform != 0) }
    }
}

/// Decodes a JPEG of `rows` x `columns` pixels with `samples` interleaved samples each. Returns the
/// samples, and whether they are RGB whatever the header says.
///
/// YCbCr is converted to RGB if the JPEG declares it or, without a declaration, if `ycc` is set;
/// the colours of a lossless JPEG are not converted. The error says what was found.
pub fn decode(
    frame: &[u8],
    (rows, columns): (usize, usize),
    samples: usize,
    ycc: bool,
) -> Result<(Samples<'static>, bool), String> {
    let markers = markers(frame).ok_or("a JPEG without a valid header")?;
    let Markers { process, precision, size, components, .. } = markers;
    if !matches!(process, 0 | 1 | 3) {
        return Err(format!("a JPEG of process SOF{process}"));
    }
    let lossless = process == 3;
    if precision != 8 && !lossless {
        return Err(format!("an extended JPEG of {precision} bits"));
    }
    if size != (rows, columns) || components != samples {
        return Err(format!("a JPEG of {} x {} pixels and {components} samples", size.1, size.0));
    }
    // jpeg-decoder decodes both wrongly.
    if lossless && (markers.restarts || markers.point_transform != 0) {
        return Err("a lossless JPEG with restarts or a point transform".to_owned());
    }
    if jpeg_is_truncated(frame) {
        return Err("a JPEG without an end marker: the file is truncated".to_owned());
    }
    // A lossless sample takes at least one bit, a block of 64 samples at least two. A file that
    // cannot hold what its header claims is refused before memory is allocated. Chroma may have a
    // sixteenth of the samples.
    let fewest_bits = if lossless { rows * columns * samples } else { rows * columns / 32 };
    if frame.len().saturating_mul(8) < fewest_bits {
        return Err("a JPEG of too few bytes for its size".to_owned());
    }
    let mut decoder = Decoder::new(frame);
    if samples == 3 {
        // Not `ColorTransform::None`, which puts the components of a line one after another.
        let ycc = markers.ycc().unwrap_or(ycc);
        decoder.set_color_transform(if ycc { ColorTransform::YCbCr } else { ColorTransform::RGB });
    }
    let data = decoder.decode().map_err(|error| format!("a corrupt JPEG: {error}"))?;
    // A lossless JPEG of 8 bits has samples of one byte; of other precisions, of two bytes.
    let width = if precision == 8 { 1 } else { 2 };
    if data.len() != rows * columns * samples * width {
        return Err("a corrupt JPEG".to_owned());
    }
    Ok((Samples::new(data.into(), width, u16::from_ne_bytes), samples == 3 && !lossless))
}

fn markers(frame: &[u8]) -> Option<Markers> {
    let mut markers = Markers::default();
    let mut rest = frame.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let (&start, after) = rest.split_first()?;
        let (&marker, after) = after.split_first()?;
        if start != 0xff {
            return None;
        }
        if marker == 0xff {
            // Fill byte.
            rest = &rest[1..];
            continue;
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let segment = after.get(2..length)?;
        rest = &after[length..];
        match (marker, segment) {
            (0xc4 | 0xc8 | 0xcc, _) => {}
            (0xc0..=0xcf, &[precision, y1, y0, x1, x0, components, ref ids @ ..]) => {
                markers.process = marker - 0xc0;
                markers.precision = precision;
                markers.size = (u16::from_be_bytes([y1, y0]).into(), u16::from_be_bytes([x1, x0]).into());
                markers.components = components.into();
                markers.named_rgb = matches!(ids, [b'R' | b'r', _, _, b'G' | b'g', _, _, b'B' | b'b', ..]);
            }
            (0xe0, [b'J', b'F', b'I', b'F', ..]) => markers.jfif = true,
            (0xee, &[b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
                markers.adobe = Some(transform);
            }
            (0xdd, &[high, low]) => markers.restarts = (high, low) != (0, 0),
            (0xda, &[.., last]) => {
                markers.point_transform = last & 15;
                return Some(markers);
            }
            _ => {}
        }
    }
}
