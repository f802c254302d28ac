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

/// Start of the meta information: after the preamble and `DICM`.
const META: usize = 132;

/// How the pixel data is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Native,
    Rle,
    Jpeg,
}

/// How a transfer syntax encodes a file.
pub struct Syntax {
    /// Name and UID, for errors.
    pub name: String,
    pub coding: Coding,
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

/// Returns the transfer syntax of a file and its data set, inflated if it is deflated.
pub fn open<'a>(bytes: &'a [u8], place: &str) -> Result<(Syntax, Cow<'a, [u8]>), Error> {
    let damaged = |found: &str| Error::image(place, "DICOM file meta information", found);
    // (0002,0000), UL, 4 bytes: how many bytes of meta information follow.
    let Some((head, rest)) = bytes[META..].split_first_chunk::<12>() else {
        return Err(damaged("the end of the file"));
    };
    let [2, 0, 0, 0, b'U', b'L', 4, 0, length @ ..] = *head else {
        return Err(damaged("no group length at its start"));
    };
    let Some((meta, data)) = rest.split_at_checked(u32::from_le_bytes(length) as usize) else {
        return Err(damaged("the end of the file"));
    };
    let elements = walk(meta, false, false).map_err(|error| damaged(&error))?;
    let Some((_, Value::Bytes(uid))) = elements.get(&TRANSFER_SYNTAX_UID) else {
        return Err(damaged("no transfer syntax"));
    };
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

fn syntax(uid: &[u8], place: &str) -> Result<Syntax, Error> {
    let uid = String::from_utf8_lossy(uid);
    let known = TransferSyntaxRegistry.get(&uid);
    let name = format!("{} ({uid})", known.map_or("an unknown transfer syntax", |syntax| syntax.name()));
    let native = Syntax { name, coding: Coding::Native, big_endian: false, implicit: false, deflated: false };
    Ok(match uid.strip_prefix("1.2.840.10008.1.2").unwrap_or("other") {
        "" => Syntax { implicit: true, ..native },
        ".1" => native,
        ".1.99" => Syntax { deflated: true, ..native },
        ".2" => Syntax { big_endian: true, ..native },
        ".5" => Syntax { coding: Coding::Rle, ..native },
        ".4.50" | ".4.51" | ".4.57" | ".4.70" => Syntax { coding: Coding::Jpeg, ..native },
        _ => {
            let expected = "a DICOM image that is uncompressed, deflated, RLE or JPEG (not 2000, LS or XL)";
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
