//! Decodes JPEG 2000 frames of DICOM files.

use hayro_jpeg2000::{DecodeError, DecodeSettings, DecoderContext, Image};

use crate::decode::MAX_DECODER_BYTES;

/// Most tiles that the format allows.
const MAX_TILES: u64 = 65535;

/// Most layers and decomposition levels that the decoder accepts.
const MAX_LAYERS: u16 = 32;
const MAX_LEVELS: u8 = 32;

/// The image that a codestream's size marker declares.
struct Size {
    rows: u32,
    columns: u32,
    tiles: u64,
    /// Precision and sign, and horizontal and vertical step, of each component.
    components: Vec<[u8; 3]>,
}

impl Size {
    /// Reads the size marker, which is the first after the start of the codestream.
    fn read(codestream: &[u8]) -> Option<Self> {
        // Length and capabilities, eight numbers of 32 bits, the count of components.
        let (head, rest) = codestream.get(4..)?.split_first_chunk::<38>()?;
        let numbers = head[4..36].as_chunks().0.iter().map(|&bytes| u32::from_be_bytes(bytes));
        let &[x1, y1, x0, y0, tile_width, tile_height, tile_x, tile_y] =
            numbers.collect::<Vec<_>>().first_chunk::<8>()?;
        let tiles = |end: u32, start: u32, tile: u32| {
            let length = end.checked_sub(start)?;
            (tile > 0).then(|| u64::from(length.div_ceil(tile)))
        };
        let count = usize::from(u16::from_be_bytes([head[36], head[37]]));
        Some(Self {
            rows: y1.checked_sub(y0)?,
            columns: x1.checked_sub(x0)?,
            tiles: tiles(x1, tile_x, tile_width)?.checked_mul(tiles(y1, tile_y, tile_height)?)?,
            components: rest.as_chunks().0.get(..count)?.to_vec(),
        })
    }
}

/// Decodes a JPEG 2000 of `rows` x `columns` pixels with `samples` interleaved samples each, RGB if
/// the codestream transforms colours. `signed` extends the sign of a sample to 16 bits. The error
/// says what was found.
pub fn decode(
    frame: &[u8],
    (rows, columns): (usize, usize),
    samples: usize,
    signed: bool,
) -> Result<Vec<u16>, String> {
    // Some files have boxes around the codestream, which DICOM does not allow.
    let start = frame.windows(4).position(|bytes| bytes == [0xff, 0x4f, 0xff, 0x51]);
    let codestream = &frame[start.ok_or("no JPEG 2000 codestream")?..];
    let Size { rows: height, columns: width, tiles, components } =
        Size::read(codestream).ok_or("a JPEG 2000 without a valid header")?;
    if (height as usize, width as usize, components.len()) != (rows, columns, samples) {
        return Err(format!("a JPEG 2000 of {width} x {height} pixels and {} samples", components.len()));
    }
    let [depth, steps @ ..] = components[0];
    let precision = (depth & 0x7f) + 1;
    if precision > 16 || steps != [1, 1] || components.iter().any(|other| *other != components[0]) {
        return Err("a JPEG 2000 of more than 16 bits, or with components of different forms".to_owned());
    }
    // The decoder reads what is there of a truncated codestream. A fragment is padded with zeros.
    let end = codestream.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if !codestream[..end].ends_with(&[0xff, 0xd9]) {
        return Err("a JPEG 2000 without an end marker: the file is truncated".to_owned());
    }
    if tiles > MAX_TILES
        || memory(codestream, u64::from(width), u64::from(height), samples as u64) > MAX_DECODER_BYTES
    {
        return Err("a JPEG 2000 whose tiles or code-blocks would fill the memory".to_owned());
    }

    let corrupt = |error: DecodeError| format!("a corrupt JPEG 2000: {error}");
    let image = Image::new(codestream, &DecodeSettings::default()).map_err(corrupt)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(corrupt)?;
    let channels = decoded.components();
    if channels.len() != samples || channels.iter().any(|channel| channel.samples().len() != rows * columns) {
        return Err("a corrupt JPEG 2000".to_owned());
    }
    // The decoder shifts signed samples too, so that the least is 0.
    let sign = if depth & 0x80 == 0 { 0 } else { 1 << (precision - 1) };
    let above = 16 - u32::from(precision);
    let most = f32::from(u16::MAX >> above);
    let mut words = vec![0; rows * columns * samples];
    for (index, channel) in channels.iter().enumerate() {
        for (word, sample) in words[index..].iter_mut().step_by(samples).zip(channel.samples()) {
            let bits = sample.round().clamp(0., most) as u16 ^ sign;
            *word = if signed { ((bits << above) as i16 >> above) as u16 } else { bits };
        }
    }
    Ok(words)
}

/// Returns about how many bytes the decoder takes at most.
///
/// It keeps a record for every code-block, and code-blocks may be as small as a sample. Every
/// marker that can set their size counts, wherever its bytes are: compressed data that looks like
/// one by chance would have to ask for small code-blocks too.
fn memory(codestream: &[u8], columns: u64, rows: u64, samples: u64) -> u64 {
    let (mut most_layers, mut most_blocks) = (1, 0);
    for start in 0..codestream.len() {
        let (style, layers, levels, width, height, rest) = match codestream[start..] {
            [0xff, 0x52, _, _, style, _, l1, l0, _, levels, width, height, _, _, ref rest @ ..] => {
                (style, u16::from_be_bytes([l1, l0]), levels, width, height, rest)
            }
            [0xff, 0x53, _, _, _, style, levels, width, height, _, _, ref rest @ ..] => {
                (style, 1, levels, width, height, rest)
            }
            _ => continue,
        };
        if !(1..=MAX_LAYERS).contains(&layers) || levels > MAX_LEVELS || width > 8 || height > 8 {
            continue;
        }
        let mut blocks = 0;
        for resolution in 0..=levels {
            // Precincts, which bound code-blocks, are halved in the subbands of a resolution.
            let precinct = match rest.get(usize::from(resolution)) {
                Some(&exponents) if style & 1 == 1 => [exponents & 15, exponents >> 4],
                _ => [15, 15],
            };
            let [across, down] = precinct.map(|exponent| exponent.saturating_sub(1));
            let reduced = levels - resolution;
            let across = (columns >> reduced >> across.min(width + 2)) + 2;
            let down = (rows >> reduced >> down.min(height + 2)) + 2;
            blocks += across * down;
        }
        most_layers = most_layers.max(u64::from(layers));
        most_blocks = most_blocks.max(blocks);
    }
    columns * rows * (8 * samples + 12) + most_blocks * samples * (512 + 64 * most_layers)
}
