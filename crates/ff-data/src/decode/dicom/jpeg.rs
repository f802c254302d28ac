//! Decodes JPEG frames of DICOM files: baseline, extended of 8 bits, lossless.

use jpeg_decoder::{ColorTransform, Decoder};

use super::tone::Samples;
use crate::decode::jpeg::{Header, jpeg_is_truncated};

/// Returns whether three components are YCbCr, if the JPEG says so.
///
/// Names are the most specific, as pydicom has it. A JFIF marker, which allows only YCbCr, is worth
/// more than an Adobe marker, as in libjpeg.
fn is_ycc(header: &Header) -> Option<bool> {
    if header.ids().eq_ignore_ascii_case(b"RGB") {
        return Some(false);
    }
    if header.jfif { Some(true) } else { header.adobe.map(|transform| transform != 0) }
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
    let header = header(frame).ok_or("a JPEG without a valid header")?;
    let Header { process, precision, .. } = header;
    if !matches!(process, 0 | 1 | 3) {
        return Err(format!("a JPEG of process SOF{process}"));
    }
    let lossless = process == 3;
    if precision != 8 && !lossless {
        return Err(format!("an extended JPEG of {precision} bits"));
    }
    let (size, components) = ((header.height.into(), header.width.into()), header.components.len());
    if size != (rows, columns) || components != samples {
        return Err(format!("a JPEG of {} x {} pixels and {components} samples", size.1, size.0));
    }
    // jpeg-decoder decodes both wrongly.
    if lossless && (header.restarts || header.point_transform != 0) {
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
        let ycc = is_ycc(&header).unwrap_or(ycc);
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

/// Returns the header of a JPEG; `None` unless segments alone come before the first scan.
fn header(frame: &[u8]) -> Option<Header> {
    let mut header = Header::default();
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
        if header.take(marker, segment) {
            return Some(header);
        }
    }
}
