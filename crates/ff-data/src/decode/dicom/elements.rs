//! Reads the elements of a DICOM file as slices of its bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use dicom_core::{Tag, VR};
use dicom_parser::StatefulDecode;
use dicom_parser::dataset::LazyDataToken;
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry, entries};

use crate::decode::MAX_DECODER_BYTES;
use crate::error::Error;

pub const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);
const TRANSFER_SYNTAX_UID: Tag = Tag(0x0002, 0x0010);

/// How encapsulated pixel data is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}

/// How a transfer syntax encodes a file.
pub struct Syntax {
    /// Name and UID, for errors.
    pub name: String,
    /// `None` if the pixel data is not compressed.
    pub codec: Option<Codec>,
    pub big_endian: bool,
    implicit: bool,
    deflated: bool,
}

/// An element's value; a sequence has no bytes.
pub enum Value<'a> {
    Bytes(&'a [u8]),
    /// Encapsulated pixel data: the offset table (which may be empty), then the fragments.
    Fragments(Vec<&'a [u8]>),
}

/// The elements of the outermost data set up to the pixel data.
pub type Elements<'a> = BTreeMap<Tag, (VR, Value<'a>)>;

/// Returns whether the bytes start as a DICOM file: with its preamble, with the meta information
/// that should follow it, or with the data set of an image.
pub fn is_dicom(bytes: &[u8]) -> bool {
    has_preamble(bytes) || bytes.starts_with(b"\x02\0\0\0UL\x04\0") || bare_syntax(bytes).is_some()
}

fn has_preamble(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM")
}

/// Returns the transfer syntax of a data set without meta information, from its first element: one
/// with which the data set of an image can start, in an encoding of a plausible length.
fn bare_syntax(bytes: &[u8]) -> Option<&'static [u8]> {
    match bytes.first_chunk::<8>()? {
        [8, 0, 0 | 1, 0, b'U', b'L', 4, 0]
        | [8, 0, 5 | 8, 0, b'C', b'S', _, 0]
        | [8, 0, 0x16 | 0x18, 0, b'U', b'I', _, 0] => Some(b"1.2.840.10008.1.2.1"),
        [8, 0, 0 | 1, 0, 4, 0, 0, 0] | [8, 0, 5 | 8 | 0x16 | 0x18, 0, 2..=255, 0, 0, 0] => {
            Some(b"1.2.840.10008.1.2")
        }
        _ => None,
    }
}

/// Returns the transfer syntax of a file and its data set, inflated if it is deflated.
pub fn open<'a>(bytes: &'a [u8], place: &str) -> Result<(Syntax, Cow<'a, [u8]>), Error> {
    let damaged = |found: &str| Error::image(place, "DICOM file meta information", found);
    let start = if has_preamble(bytes) { 132 } else { 0 };
    let (uid, data) = meta(&bytes[start..]).ok_or_else(|| damaged("the end of the file"))?;
    let uid = uid.or_else(|| bare_syntax(data)).ok_or_else(|| damaged("no transfer syntax"))?;
    let syntax = syntax(uid.trim_ascii_end().strip_suffix(&[0]).unwrap_or(uid), place)?;
    if !syntax.deflated {
        return Ok((syntax, data.into()));
    }
    let mut inflated = Vec::new();
    let mut reader = flate2::read::DeflateDecoder::new(data).take(MAX_DECODER_BYTES);
    let read = reader.read_to_end(&mut inflated);
    read.map_err(|error| Error::image(place, "a valid deflated data set", error.to_string()))?;
    Ok((syntax, inflated.into()))
}

/// Returns the transfer syntax that the meta information names, and what follows the meta
/// information. Its end is that of group 0002, since some writers leave out its length or get it
/// wrong.
fn meta(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let mut uid = None;
    let mut rest = bytes;
    while let Some(&[2, 0, low, high, vr0, vr1, length0, length1]) = rest.first_chunk::<8>() {
        let (start, length) = match &[vr0, vr1] {
            b"OB" | b"UN" => (12, u32::from_le_bytes(*rest.get(8..)?.first_chunk()?) as usize),
            _ => (8, usize::from(u16::from_le_bytes([length0, length1]))),
        };
        let (value, after) = rest.get(start..)?.split_at_checked(length)?;
        if Tag(2, u16::from_le_bytes([low, high])) == TRANSFER_SYNTAX_UID {
            uid = Some(value);
        }
        rest = after;
    }
    Some((uid, rest))
}

fn syntax(uid: &[u8], place: &str) -> Result<Syntax, Error> {
    let uid = String::from_utf8_lossy(uid);
    let known = TransferSyntaxRegistry.get(&uid);
    let name = format!("{} ({uid})", known.map_or("an unknown transfer syntax", |syntax| syntax.name()));
    let native = Syntax { name, codec: None, big_endian: false, implicit: false, deflated: false };
    Ok(match uid.strip_prefix("1.2.840.10008.1.2").unwrap_or("other") {
        "" => Syntax { implicit: true, ..native },
        ".1" => native,
        ".1.99" => Syntax { deflated: true, ..native },
        ".2" => Syntax { big_endian: true, ..native },
        ".5" => Syntax { codec: Some(Codec::Rle), ..native },
        ".4.50" | ".4.51" | ".4.57" | ".4.70" => Syntax { codec: Some(Codec::Jpeg), ..native },
        ".4.80" | ".4.81" => Syntax { codec: Some(Codec::JpegLs), ..native },
        ".4.90" | ".4.91" => Syntax { codec: Some(Codec::Jpeg2000), ..native },
        _ => {
            let expected =
                "a DICOM image that is uncompressed, deflated, RLE, JPEG, JPEG-LS or JPEG 2000 part 1";
            let hint = "decompress the file, for example with `gdcmconv --raw IN OUT`";
            return Err(Error::image(place, expected, native.name).hint(hint));
        }
    })
}

/// Reads the elements of a data set.
pub fn read<'a>(data: &'a [u8], syntax: &Syntax, place: &str) -> Result<Elements<'a>, Error> {
    walk(data, syntax.implicit, syntax.big_endian)
        .map_err(|error| Error::image(place, "a valid DICOM data set", error))
}

/// The element that surrounds a token.
#[derive(PartialEq)]
enum Inside {
    Sequence,
    Pixels,
    Item,
}

/// Walks the tokens of a data set to the end of its pixel data.
///
/// Values are slices, since dicom-parser would allocate as many bytes as a header claims. Nesting
/// is tracked here, since dicom-parser panics on broken nesting.
fn walk(data: &[u8], implicit: bool, big_endian: bool) -> Result<Elements<'_>, String> {
    let syntax = match (implicit, big_endian) {
        (true, _) => entries::IMPLICIT_VR_LITTLE_ENDIAN,
        (false, false) => entries::EXPLICIT_VR_LITTLE_ENDIAN,
        (false, true) => entries::EXPLICIT_VR_BIG_ENDIAN,
    };
    let slice = |start: u64, length: u32| {
        let start = usize::try_from(start).ok()?;
        data.get(start..start.checked_add(length as usize)?)
    };
    let truncated = || "the end of the file inside a value".to_owned();
    let broken = || "broken nesting of its sequences".to_owned();
    let text = |error: &dyn std::error::Error| {
        // The innermost cause says what is wrong; the outer error says where.
        let mut cause = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        format!("{error}: {cause}")
    };

    let mut reader =
        LazyDataSetReader::new_with_ts(Cursor::new(data), &syntax.erased()).map_err(|e| text(&e))?;
    let mut elements = Elements::new();
    let mut fragments = Vec::new();
    let mut inside = Vec::new();
    while let Some(token) = reader.advance() {
        match token.map_err(|e| text(&e))? {
            LazyDataToken::SequenceStart { tag, .. } => {
                if inside.is_empty() {
                    elements.insert(tag, (VR::SQ, Value::Bytes(&[])));
                }
                inside.push(Inside::Sequence);
            }
            LazyDataToken::PixelSequenceStart => inside.push(Inside::Pixels),
            LazyDataToken::ItemStart { .. } => {
                if inside.last().is_none_or(|last| *last == Inside::Item) {
                    return Err(broken());
                }
                if inside == [Inside::Pixels] {
                    fragments.push([].as_slice());
                }
                inside.push(Inside::Item);
            }
            LazyDataToken::ItemEnd => match inside.pop() {
                Some(Inside::Item) => {}
                _ => return Err(broken()),
            },
            LazyDataToken::SequenceEnd => match inside.pop() {
                None | Some(Inside::Item) => return Err(broken()),
                Some(Inside::Pixels) if inside.is_empty() => {
                    elements.insert(PIXEL_DATA, (VR::OB, Value::Fragments(fragments)));
                    return Ok(elements);
                }
                Some(_) => {}
            },
            LazyDataToken::LazyValue { header, decoder } => {
                let value = slice(decoder.position(), header.len.0).ok_or_else(truncated)?;
                if inside.is_empty() {
                    elements.insert(header.tag, (header.vr, Value::Bytes(value)));
                    if header.tag == PIXEL_DATA {
                        return Ok(elements);
                    }
                }
                decoder.skip_bytes(header.len.0).map_err(|e| text(&e))?;
            }
            LazyDataToken::LazyItemValue { len, decoder } => {
                let value = slice(decoder.position(), len).ok_or_else(truncated)?;
                if inside == [Inside::Pixels, Inside::Item]
                    && let Some(fragment) = fragments.last_mut()
                {
                    *fragment = value;
                }
                decoder.skip_bytes(len).map_err(|e| text(&e))?;
            }
            _ => {}
        }
    }
    if inside.is_empty() { Ok(elements) } else { Err("the end of the file inside a sequence".to_owned()) }
}

/// Returns the pixel data.
pub fn pixel_data<'a, 'b>(elements: &'b Elements<'a>, place: &str) -> Result<&'b (VR, Value<'a>), Error> {
    elements.get(&PIXEL_DATA).ok_or_else(|| {
        let hint = "remove DICOM files without an image, such as reports and structures, from the dataset";
        Error::image(place, "a DICOM image", "no pixel data (or a file truncated before it)").hint(hint)
    })
}
