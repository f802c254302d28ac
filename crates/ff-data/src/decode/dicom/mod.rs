//! Decodes the first frame of a DICOM file to 8-bit RGB, by the rules of [`super::decode`].
//!
//! dicom-parser walks the elements; pixels are decoded here. The existing DICOM readers allocate as
//! many bytes as a header claims, so a small damaged file could exhaust the memory.

mod elements;
mod header;
mod jpeg;
mod rle;
mod tone;

use std::borrow::Cow;

use dicom_core::VR;

use self::elements::{Coding, Value, pixel_data};
use self::header::{Colours, Header};
use self::tone::Samples;
use crate::error::Error;
use crate::image::Image;

/// Returns whether the bytes are a DICOM file with its preamble.
pub fn is_dicom(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM")
}

/// Decodes a file for which [`is_dicom`] holds.
pub fn decode(bytes: &[u8], place: &str) -> Result<Image, Error> {
    let (syntax, data) = elements::open(bytes, place)?;
    let elements = elements::read(&data, &syntax, place)?;
    let header = Header::read(&elements, syntax.big_endian, place)?;
    let wrong = |found: String| Error::image(place, format!("{header} in {}", syntax.name), found);
    let mut colours = header.colours;
    let samples = match (syntax.coding, pixel_data(&elements, place)?) {
        (Coding::Native, (vr, Value::Bytes(bytes))) => {
            // Bytes in a stream of big-endian words are swapped in pairs.
            let swapped = syntax.big_endian && *vr == VR::OW && header.allocated == 8;
            native(bytes, &header, syntax.big_endian, swapped).map_err(wrong)?
        }
        (Coding::Rle, (_, Value::Fragments(fragments))) => {
            let frame = first_frame(fragments, header.frames).map_err(wrong)?;
            let width = usize::from(header.allocated / 8);
            let data = rle::decode(&frame, header.pixels(), header.samples(), width).map_err(wrong)?;
            Samples::new(data.into(), width, u16::from_le_bytes)
        }
        (Coding::Jpeg, (_, Value::Fragments(fragments))) => {
            let frame = first_frame(fragments, header.frames).map_err(wrong)?;
            let size = (header.rows, header.columns);
            let ycc = header.colours.is_ycc();
            let decoded = jpeg::decode(&frame, size, header.samples(), ycc).map_err(wrong)?;
            if decoded.rgb {
                colours = Colours::Rgb;
            }
            Samples::new(decoded.data.into(), decoded.width, u16::from_ne_bytes)
        }
        (Coding::Native, _) => return Err(wrong("encapsulated pixel data".to_owned())),
        _ => return Err(wrong("pixel data that is not encapsulated".to_owned())),
    };
    let data = match (colours, samples) {
        (Colours::Grey { inverted }, samples) => {
            let greys = tone::to_8_bits(&samples, &header.tone(&elements, place)?, inverted);
            greys.into_iter().flat_map(|grey| [grey; 3]).collect()
        }
        (Colours::Rgb, Samples::Bytes(rgb)) => rgb.into_owned(),
        (Colours::Ycc { .. }, Samples::Bytes(mut ycc)) => {
            ycc.to_mut().chunks_exact_mut(3).for_each(to_rgb);
            ycc.into_owned()
        }
        (_, Samples::Words(_)) => return Err(wrong("colours of 16 bits".to_owned())),
    };
    // Rows and columns are 16-bit numbers.
    Ok(Image { width: header.columns as u32, height: header.rows as u32, data })
}

fn native<'a>(
    bytes: &'a [u8],
    header: &Header,
    big_endian: bool,
    swapped: bool,
) -> Result<Samples<'a>, String> {
    let width = usize::from(header.allocated / 8);
    let halved = header.colours == Colours::Ycc { halved: true };
    let samples = if halved { 2 } else { header.samples() };
    let length = header.pixels() * samples * width;
    let needed = length as u64 * u64::from(header.frames);
    if (bytes.len() as u64) < needed {
        return Err(format!("{} bytes of pixel data instead of {needed}", bytes.len()));
    }
    let mut data = Cow::from(&bytes[..length]);
    if swapped {
        // An odd frame's last byte is the first of the next word.
        let even = bytes.get(..length.next_multiple_of(2)).ok_or("an odd number of bytes in words")?;
        data = even.as_chunks::<2>().0.iter().flat_map(|&[low, high]| [high, low]).take(length).collect();
    }
    if halved {
        let four = data.as_chunks::<4>().0.iter();
        data = four.flat_map(|&[y0, y1, cb, cr]| [y0, cb, cr, y1, cb, cr]).collect();
    } else if header.planar {
        let plane = header.pixels();
        data = (0..length).map(|i| data[i % 3 * plane + i / 3]).collect();
    }
    Ok(Samples::new(data, width, if big_endian { u16::from_be_bytes } else { u16::from_le_bytes }))
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

/// Converts full-range YCbCr of ITU-R BT.601 to RGB (DICOM part 3, C.7.6.3.1.2).
fn to_rgb(pixel: &mut [u8]) {
    let [y, cb, cr] = [pixel[0].into(), f64::from(pixel[1]) - 128., f64::from(pixel[2]) - 128.];
    let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
    // `as` clips to 0 and 255.
    pixel.copy_from_slice(&rgb.map(|value: f64| value.round() as u8));
}
