//! Decodes the first frame of a DICOM file to 8-bit RGB, by the rules of [`super::decode`].
//!
//! The elements are walked here, on dicom-parser's tokens: dicom-object fills as many bytes as a
//! header claims, so a small damaged file could exhaust the memory, and its caller would still
//! check every value. A library decodes each kind of JPEG, but not through the adapters of
//! dicom-transfer-syntax-registry: they leave the colours of a JPEG to the decoder's guess, check
//! no size against the codestream's, and need charls (C++) and an OpenJPEG translated to unsafe
//! Rust.

mod elements;
mod header;
mod jpeg;
mod jpeg_2000;
mod jpeg_ls;
mod palette;
mod rle;
mod tone;

use std::borrow::Cow;

use dicom_core::VR;

pub use self::elements::is_dicom;
use self::elements::{Codec, Value, pixel_data};
use self::header::{Colours, Header};
use self::tone::Samples;
use crate::decode::ycc_to_rgb;
use crate::error::Error;
use crate::image::Image;

/// Decodes a file for which [`is_dicom`] holds.
pub fn decode(bytes: &[u8], place: &str) -> Result<Image, Error> {
    let (syntax, data) = elements::open(bytes, place)?;
    let elements = elements::read(&data, &syntax, place)?;
    let header = Header::read(&elements, syntax.big_endian, place)?;
    let wrong = |found: String| Error::image(place, format!("{header} in {}", syntax.name), found);
    let (samples, rgb) = match (syntax.codec, pixel_data(&elements, place)?) {
        (None, (vr, Value::Bytes(bytes))) => {
            (native(bytes, &header, syntax.big_endian, *vr).map_err(wrong)?, false)
        }
        (Some(codec), (_, Value::Fragments(fragments))) => {
            let frame = first_frame(fragments, header.frames).map_err(wrong)?;
            decompress(codec, &frame, &header).map_err(wrong)?
        }
        (None, _) => return Err(wrong("encapsulated pixel data".to_owned())),
        _ => return Err(wrong("pixel data that is not encapsulated".to_owned())),
    };
    let data = match header.colours {
        Colours::Grey { inverted } => {
            let greys = tone::to_8_bits(&samples, &header.tone(&elements, place)?, inverted);
            greys.into_iter().flat_map(|grey| [grey; 3]).collect()
        }
        Colours::Palette => header.palette(&elements, syntax.big_endian, place)?.apply(&samples),
        Colours::Rgb | Colours::Ycc { .. } if rgb => samples.into_bytes(8),
        Colours::Rgb => samples.into_bytes(header.stored),
        Colours::Ycc { .. } => {
            let mut ycc = samples.into_bytes(header.stored);
            ycc.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = ycc_to_rgb(*pixel));
            ycc
        }
    };
    // Rows and columns are 16-bit numbers.
    Ok(Image { width: header.columns as u32, height: header.rows as u32, data })
}

/// Decompresses a frame. Returns its samples, and whether they are RGB whatever the header says.
fn decompress(codec: Codec, frame: &[u8], header: &Header) -> Result<(Samples<'static>, bool), String> {
    let (size, samples) = ((header.rows, header.columns), header.samples());
    Ok(match codec {
        Codec::Rle => {
            let data = rle::decode(frame, header.pixels(), samples, header.width())?;
            (Samples::new(data.into(), header.width(), u16::from_le_bytes), false)
        }
        Codec::Jpeg => jpeg::decode(frame, size, samples, header.colours.is_ycc())?,
        Codec::JpegLs => (Samples::Words(jpeg_ls::decode(frame, size, samples)?), false),
        Codec::Jpeg2000 => (Samples::Words(jpeg_2000::decode(frame, size, samples, header.signed)?), false),
    })
}

fn native<'a>(bytes: &'a [u8], header: &Header, big_endian: bool, vr: VR) -> Result<Samples<'a>, String> {
    let halved = header.colours == Colours::Ycc { halved: true };
    // Pairs of pixels that straddle rows have no defined order.
    if halved && (header.allocated != 8 || header.columns % 2 == 1) {
        return Err("YBR_FULL_422 of more than 8 bits, or with an odd number of columns".to_owned());
    }
    let samples = if halved { 2 } else { header.samples() };
    let bits = header.pixels() * samples * usize::from(header.allocated);
    let needed = (bits as u64).saturating_mul(header.frames.into()).div_ceil(8);
    if (bytes.len() as u64) < needed {
        return Err(format!("{} bytes of pixel data instead of {needed}", bytes.len()));
    }
    let length = bits.div_ceil(8);
    let mut data = Cow::from(&bytes[..length]);
    // Bytes in a stream of big-endian words are swapped in pairs.
    if big_endian && vr == VR::OW && header.allocated != 16 {
        // An odd frame's last byte is the first of the next word.
        let even = bytes.get(..length.next_multiple_of(2)).ok_or("an odd number of bytes in words")?;
        data = even.as_chunks::<2>().0.iter().flat_map(|&[low, high]| [high, low]).take(length).collect();
    }
    if header.allocated == 1 {
        data = (0..bits).map(|bit| (data[bit / 8] >> (bit % 8)) & 1).collect();
    }
    if halved {
        let four = data.as_chunks::<4>().0.iter();
        data = four.flat_map(|&[y0, y1, cb, cr]| [y0, cb, cr, y1, cb, cr]).collect();
    }
    let word = if big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
    let samples = Samples::new(data, header.width(), word);
    Ok(if header.planar && !halved { samples.interleaved() } else { samples })
}

/// Returns the bytes of the first of `frames` frames, from the offset table and the fragments.
fn first_frame<'a>(fragments: &[&'a [u8]], frames: u32) -> Result<Cow<'a, [u8]>, String> {
    let [table, fragments @ ..] = fragments else { return Err("no fragments".to_owned()) };
    let count = frames as usize;
    if fragments.is_empty() || fragments.len() < count {
        return Err(format!("{} fragments of pixel data", fragments.len()));
    }
    if fragments.len() == count {
        return Ok(fragments[0].into());
    }
    if count == 1 {
        return Ok(fragments.concat().into());
    }
    // Several fragments per frame: the second entry of the table is the start of the second frame.
    let second = table.as_chunks().0.get(1).map(|&offset| u32::from_le_bytes(offset) as usize);
    let second = second.ok_or("more fragments than frames, and no offset table")?;
    let mut offset = 0;
    let own = fragments.iter().take_while(|fragment| {
        let starts_before = offset < second;
        offset += 8 + fragment.len();
        starts_before
    });
    Ok(own.copied().collect::<Vec<_>>().concat().into())
}
