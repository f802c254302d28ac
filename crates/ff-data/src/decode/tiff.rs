//! Decodes TIFF by the rules of [`super::decode`].

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError, TiffResult};

use super::{MAX_DECODER_BYTES, MAX_PIXELS, check_size, cmyk_to_rgb, ycc_to_rgb};
use crate::error::Error;

type Reader<'a> = Decoder<Cursor<&'a [u8]>>;

/// Decodes the first image of a TIFF file.
pub fn decode(bytes: &[u8], place: &str) -> Result<(DynamicImage, Orientation), Error> {
    let indexed = palette_as_grey(bytes);
    let mut decoder = Decoder::new(Cursor::new(indexed.as_deref().unwrap_or(bytes)))
        .map_err(|error| explain(&error, place))?
        .with_limits(limits());
    let (width, height) = decoder.dimensions().map_err(|error| explain(&error, place))?;
    check_size(width, height, place)?;
    let color = decoder.colortype().map_err(|error| explain(&error, place))?;
    let colours = match color {
        ColorType::Gray(_) => 1,
        // A grey and its alpha.
        ColorType::Multiband { num_samples: 2, bit_depth: 8.. } => 1,
        ColorType::RGB(8..) | ColorType::RGBA(8..) | ColorType::YCbCr(8..) => 3,
        ColorType::CMYK(8..) | ColorType::CMYKA(8..) => 4,
        other => return Err(unsupported(place, format!("samples of the form {other:?}"))),
    };
    let (samples, planar) = read(&mut decoder, (width, height)).map_err(|error| explain(&error, place))?;
    let levels = match (color, samples) {
        (ColorType::Gray(bits @ ..8), DecodingResult::U8(packed)) => {
            unpack(&packed, width as usize, bits, indexed.is_some())
        }
        (_, samples) => {
            let pixels = width as usize * height as usize;
            let layout = Layout { pixels, samples: color.num_samples().into(), colours, planar };
            layout.levels(samples).map_err(|found| {
                let hint = "replace what is not a number, or convert the image to 8 or 16 bits";
                Error::image(place, "finite samples", found).hint(hint)
            })?
        }
    };
    let rgb: Vec<u8> = match color {
        _ if indexed.is_some() => {
            let palette = palette(&mut decoder, color, place)?;
            levels.into_iter().flat_map(|index| palette[usize::from(index)]).collect()
        }
        _ if colours == 1 => levels.into_iter().flat_map(|grey| [grey; 3]).collect(),
        _ if colours == 4 => levels.as_chunks().0.iter().flat_map(|&ink| cmyk_to_rgb(ink)).collect(),
        ColorType::YCbCr(_) => levels.as_chunks().0.iter().flat_map(|&ycc| ycc_to_rgb(ycc)).collect(),
        _ => levels,
    };
    let picture = RgbImage::from_raw(width, height, rgb)
        .ok_or_else(|| unsupported(place, "fewer samples than its size needs".to_owned()))?;
    let orientation = decoder.find_tag_unsigned(Tag::Orientation).ok().flatten();
    let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::ImageRgb8(picture), orientation))
}

fn limits() -> Limits {
    let mut limits = Limits::unlimited();
    limits.decoding_buffer_size = MAX_DECODER_BYTES as usize;
    limits.intermediate_buffer_size = MAX_DECODER_BYTES as usize;
    limits.ifd_value_size = MAX_DECODER_BYTES as usize;
    limits
}

fn unsupported(place: &str, found: String) -> Error {
    let hint = "convert it to PNG, or remove it from the dataset";
    Error::image(place, "a TIFF image of a supported form", found).hint(hint)
}

fn explain(error: &TiffError, place: &str) -> Error {
    match error {
        TiffError::UnsupportedError(why) => unsupported(place, why.to_string()),
        TiffError::LimitsExceeded => {
            Error::image(place, format!("an image of at most {MAX_PIXELS} pixels"), error.to_string())
        }
        _ => Error::image(place, "a valid TIFF image", format!("a corrupt one: {error}")),
    }
}

/// Reads all samples; true if those of a channel follow each other.
fn read(decoder: &mut Reader<'_>, size: (u32, u32)) -> TiffResult<(DecodingResult, bool)> {
    let layout = decoder.image_buffer_layout()?;
    if layout.complete_len as u64 > MAX_DECODER_BYTES {
        return Err(TiffError::LimitsExceeded);
    }
    let planar = layout.planes > 1;
    let samples = match (planar, decoder.get_chunk_type()) {
        (true, ChunkType::Tile) => read_planes_of_tiles(decoder, size)?,
        _ => {
            let mut samples = DecodingResult::U8(Vec::new());
            decoder.read_image_to_buffer(&mut samples)?;
            samples
        }
    };
    Ok((samples, planar))
}

/// Reads a file that has the tiles of each channel after those of another. The decoder's own method
/// takes the last row of tiles to be as high as the others, in all channels but the first.
fn read_planes_of_tiles(decoder: &mut Reader<'_>, (width, height): (u32, u32)) -> TiffResult<DecodingResult> {
    let layout = decoder.image_buffer_layout()?;
    let mut samples = DecodingResult::U8(Vec::new());
    samples.resize_to(&layout, &limits())?;
    let (tile_width, tile_height) = decoder.chunk_dimensions();
    let (across, down) = (width.div_ceil(tile_width), height.div_ceil(tile_height));
    let stride = layout.complete_len / layout.planes / height as usize;
    let sample = stride / width as usize;
    let mut buffer = samples.as_buffer(0);
    let bytes = buffer.as_bytes_mut();
    for chunk in 0..layout.planes as u32 * across * down {
        let mut tile = decoder.read_chunk(chunk)?;
        let tile = tile.as_buffer(0);
        let length = decoder.chunk_data_dimensions(chunk).0 as usize * sample;
        let left = (chunk % across * tile_width) as usize;
        let top = chunk / across % down * tile_height;
        let plane = (chunk / across / down) as usize;
        let rows = tile_height.min(height - top) as usize;
        for (row, line) in tile.as_bytes().chunks_exact(length).take(rows).enumerate() {
            let at = (plane * height as usize + top as usize + row) * stride + left * sample;
            bytes[at..at + length].copy_from_slice(line);
        }
    }
    Ok(samples)
}

/// Where the samples of the colours are.
struct Layout {
    pixels: usize,
    /// Samples of each pixel, alpha included.
    samples: usize,
    colours: usize,
    planar: bool,
}

impl Layout {
    /// Converts the colours to 8 bits, pixel by pixel. The error is a sample that is not finite.
    fn levels(&self, samples: DecodingResult) -> Result<Vec<u8>, String> {
        let rounded = |v: u16| ((u32::from(v) + 128) / 257) as u8;
        match samples {
            DecodingResult::U8(v) => Ok(self.colours(v)),
            DecodingResult::U16(v) => Ok(self.colours(v).into_iter().map(rounded).collect()),
            DecodingResult::U32(v) => stretch(&self.colours(v), f64::from, false),
            DecodingResult::U64(v) => stretch(&self.colours(v), |v| v as f64, false),
            DecodingResult::I8(v) => stretch(&self.colours(v), f64::from, false),
            DecodingResult::I16(v) => stretch(&self.colours(v), f64::from, false),
            DecodingResult::I32(v) => stretch(&self.colours(v), f64::from, false),
            DecodingResult::I64(v) => stretch(&self.colours(v), |v| v as f64, false),
            DecodingResult::F16(v) => stretch(&self.colours(v), f64::from, true),
            DecodingResult::F32(v) => stretch(&self.colours(v), f64::from, true),
            DecodingResult::F64(v) => stretch(&self.colours(v), |v| v, true),
        }
    }

    /// Interleaves planes and drops alpha.
    fn colours<T: Copy>(&self, data: Vec<T>) -> Vec<T> {
        let &Self { pixels, samples, colours, planar } = self;
        if samples == colours && !planar {
            return data;
        }
        let at = |pixel, colour| if planar { colour * pixels + pixel } else { pixel * samples + colour };
        let mut picked = Vec::with_capacity(pixels * colours);
        for pixel in 0..pixels {
            picked.extend((0..colours).map(|colour| data[at(pixel, colour)]));
        }
        picked
    }
}

/// Stretches samples from their least (0) to their greatest (255). Fractions of 1 are stretched from
/// 0 to 1.
fn stretch<T: Copy>(samples: &[T], number: fn(T) -> f64, fractions: bool) -> Result<Vec<u8>, String> {
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    for &sample in samples {
        let value = number(sample);
        if !value.is_finite() {
            return Err(format!("the sample {value}"));
        }
        (least, greatest) = (least.min(value), greatest.max(value));
    }
    if fractions && least >= 0. && greatest <= 1. {
        (least, greatest) = (0., 1.);
    }
    let scale = if greatest > least { 255. / (greatest - least) } else { 0. };
    Ok(samples.iter().map(|&sample| ((number(sample) - least) * scale + 0.5) as u8).collect())
}

/// Unpacks samples of fewer than 8 bits, in rows that start at a byte. Greys are stretched to 8
/// bits, indices are not.
fn unpack(packed: &[u8], width: usize, bits: u8, indices: bool) -> Vec<u8> {
    let greatest = (1 << bits) - 1;
    let mut levels = Vec::new();
    for row in packed.chunks_exact((width * usize::from(bits)).div_ceil(8)) {
        levels.extend((0..width).map(|x| {
            let at = x * usize::from(bits);
            let pair = [row[at / 8], row.get(at / 8 + 1).copied().unwrap_or(0)];
            let sample = (u16::from_be_bytes(pair) << (at % 8)) >> (16 - bits);
            if indices { sample as u8 } else { (sample * 255 / greatest) as u8 }
        }));
    }
    levels
}

/// Returns the file with its palette image declared as grey, which the decoder reads as indices.
/// `None` if it has no palette.
fn palette_as_grey(bytes: &[u8]) -> Option<Vec<u8>> {
    const PHOTOMETRIC_INTERPRETATION: usize = 262;
    let little = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<usize> {
        let field = bytes.get(at..at.checked_add(length)?)?;
        let push = |value: usize, byte: &u8| (value << 8) | usize::from(*byte);
        Some(if little { field.iter().rev().fold(0, push) } else { field.iter().fold(0, push) })
    };
    // BigTIFF has longer fields.
    let (directory, count, entry, value) = match number(2, 2)? {
        43 => (number(8, 8)?, 8, 20, 12),
        _ => (number(4, 4)?, 2, 12, 8),
    };
    for index in 0..number(directory, count)? {
        let at = directory + count + index * entry;
        if number(at, 2)? == PHOTOMETRIC_INTERPRETATION {
            let (palette, grey) = (3, if little { [1, 0] } else { [0, 1] });
            let mut changed = (number(at + value, 2)? == palette).then(|| bytes.to_vec())?;
            changed[at + value..at + value + 2].copy_from_slice(&grey);
            return Some(changed);
        }
    }
    None
}

/// Returns the colours of a palette of up to 8 bits.
fn palette(decoder: &mut Reader<'_>, color: ColorType, place: &str) -> Result<Vec<[u8; 3]>, Error> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(|error| explain(&error, place))?;
    let colours = map.len() / 3;
    if color.bit_depth() > 8 || map.len() != 3 << color.bit_depth() {
        return Err(unsupported(place, format!("a palette of {colours} colours")));
    }
    Ok((0..colours).map(|index| [0, 1, 2].map(|c| (map[c * colours + index] >> 8) as u8)).collect())
}
