//! Reads the form of a DICOM image from its data set.

use std::fmt;

use dicom_core::Tag;

use super::elements::{Elements, PIXEL_DATA, Value, pixel_data};
use super::palette::Palette;
use super::tone::{Curve, Tone, Window};
use crate::decode::MAX_PIXELS;
use crate::error::Error;

const SAMPLES_PER_PIXEL: Tag = Tag(0x0028, 0x0002);
const PHOTOMETRIC_INTERPRETATION: Tag = Tag(0x0028, 0x0004);
const PLANAR_CONFIGURATION: Tag = Tag(0x0028, 0x0006);
const NUMBER_OF_FRAMES: Tag = Tag(0x0028, 0x0008);
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
const BITS_STORED: Tag = Tag(0x0028, 0x0101);
const HIGH_BIT: Tag = Tag(0x0028, 0x0102);
const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);
const WINDOW_CENTER: Tag = Tag(0x0028, 0x1050);
const WINDOW_WIDTH: Tag = Tag(0x0028, 0x1051);
const RESCALE_INTERCEPT: Tag = Tag(0x0028, 0x1052);
const RESCALE_SLOPE: Tag = Tag(0x0028, 0x1053);
const VOI_LUT_FUNCTION: Tag = Tag(0x0028, 0x1056);
const PALETTE_DESCRIPTOR: Tag = Tag(0x0028, 0x1101);
const PALETTE_TABLES: [Tag; 3] = [Tag(0x0028, 0x1201), Tag(0x0028, 0x1202), Tag(0x0028, 0x1203)];
const MODALITY_LUT_SEQUENCE: Tag = Tag(0x0028, 0x3000);

/// The photometric interpretation of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    Grey {
        inverted: bool,
    },
    Palette,
    Rgb,
    /// `halved`: two pixels share their chroma if uncompressed.
    Ycc {
        halved: bool,
    },
}

impl Colours {
    pub fn is_ycc(self) -> bool {
        matches!(self, Self::Ycc { .. })
    }
}

/// The checked form of the pixel data: 1 to [`MAX_PIXELS`] pixels of 1, 8 or 16 bits allocated.
#[derive(Debug)]
pub struct Header {
    pub rows: usize,
    pub columns: usize,
    pub frames: u32,
    pub colours: Colours,
    pub planar: bool,
    pub allocated: u16,
    pub stored: u16,
    pub signed: bool,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { columns, rows, frames, allocated, .. } = self;
        let samples = self.samples();
        write!(f, "{frames} frame(s) of {columns} x {rows} pixels, {samples} sample(s) of {allocated} bits")
    }
}

impl Header {
    pub fn read(elements: &Elements<'_>, big_endian: bool, place: &str) -> Result<Self, Error> {
        let fields = Fields { elements, big_endian, place };
        // A file without an image lacks the elements read below; this error says why.
        pixel_data(elements, place)?;
        let (rows, columns) = (fields.number(ROWS, "Rows")?, fields.number(COLUMNS, "Columns")?);
        let pixels = u64::from(rows) * u64::from(columns);
        if pixels == 0 || pixels > MAX_PIXELS {
            let expected = format!("an image of 1 to {MAX_PIXELS} pixels");
            return Err(Error::image(place, expected, format!("{columns} x {rows}")));
        }
        let frames = match fields.text(NUMBER_OF_FRAMES, "Number of Frames")? {
            None => 1,
            Some(text) => text
                .parse()
                .ok()
                .filter(|&frames| frames > 0)
                .ok_or_else(|| Error::image(place, "a positive Number of Frames", format!("`{text}`")))?,
        };
        let allocated = fields.number(BITS_ALLOCATED, "Bits Allocated")?;
        let stored = fields.number(BITS_STORED, "Bits Stored")?;
        let high = fields.optional(HIGH_BIT).unwrap_or(stored.wrapping_sub(1));
        if !matches!(allocated, 1 | 8 | 16) || !(1..=allocated).contains(&stored) || high != stored - 1 {
            let found = format!("{allocated} bits allocated, {stored} stored, high bit {high}");
            return Err(Error::image(place, "1 to 16 bits stored in 1, 8 or 16, from the lowest", found));
        }
        let signed = fields.optional(PIXEL_REPRESENTATION) == Some(1);
        let samples = fields.number(SAMPLES_PER_PIXEL, "Samples per Pixel")?;
        let name = fields.text(PHOTOMETRIC_INTERPRETATION, "Photometric Interpretation")?.unwrap_or("none");
        let colours = match (name, samples) {
            ("MONOCHROME1", 1) => Colours::Grey { inverted: true },
            ("MONOCHROME2", 1) => Colours::Grey { inverted: false },
            ("PALETTE COLOR", 1) => Colours::Palette,
            // What JPEG 2000 transforms, it also restores.
            ("RGB" | "YBR_ICT" | "YBR_RCT", 3) => Colours::Rgb,
            ("YBR_FULL", 3) => Colours::Ycc { halved: false },
            ("YBR_FULL_422", 3) => Colours::Ycc { halved: true },
            _ => {
                let expected = "1 sample of MONOCHROME1, MONOCHROME2 or PALETTE COLOR, or 3 of RGB, \
                    YBR_FULL, YBR_FULL_422, YBR_ICT or YBR_RCT";
                return Err(Error::image(place, expected, format!("{samples} of {name}")));
            }
        };
        if samples == 3 && (allocated == 1 || signed) {
            let found = if signed { "signed ones" } else { "1 bit" };
            return Err(Error::image(place, "unsigned colours of 8 or 16 bits", found));
        }
        let planar = samples == 3 && fields.optional(PLANAR_CONFIGURATION) == Some(1);
        let (rows, columns) = (rows.into(), columns.into());
        Ok(Self { rows, columns, frames, colours, planar, allocated, stored, signed })
    }

    /// Returns the pixels of a frame.
    pub fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Returns the samples per pixel.
    pub fn samples(&self) -> usize {
        if matches!(self.colours, Colours::Grey { .. } | Colours::Palette) { 1 } else { 3 }
    }

    /// Returns the bytes that a sample takes once it is unpacked.
    pub fn width(&self) -> usize {
        usize::from(self.allocated.div_ceil(8))
    }

    /// Returns the palette of [`Colours::Palette`].
    pub fn palette(&self, elements: &Elements<'_>, big_endian: bool, place: &str) -> Result<Palette, Error> {
        let fields = Fields { elements, big_endian, place };
        let wrong = |found: String| {
            let hint = "save the image as PNG if its palette is in segments";
            Error::image(place, "a palette with a descriptor and three tables", found).hint(hint)
        };
        let descriptor = fields.words(PALETTE_DESCRIPTOR).ok_or_else(|| wrong("no descriptor".to_owned()))?;
        let [Some(red), Some(green), Some(blue)] = PALETTE_TABLES.map(|tag| fields.bytes(tag)) else {
            return Err(wrong("no tables".to_owned()));
        };
        Palette::new(descriptor, [red, green, blue], fields.word(), (self.stored, self.signed)).map_err(wrong)
    }

    /// Returns how greys are converted to 8 bits.
    pub fn tone(&self, elements: &Elements<'_>, place: &str) -> Result<Tone, Error> {
        let fields = Fields { elements, big_endian: false, place };
        if elements.contains_key(&MODALITY_LUT_SEQUENCE) {
            let hint = "apply the table and save the image as PNG";
            return Err(Error::image(place, "Rescale Slope and Intercept", "a Modality LUT").hint(hint));
        }
        let slope = fields.decimal(RESCALE_SLOPE, "Rescale Slope")?.unwrap_or(1.);
        let intercept = fields.decimal(RESCALE_INTERCEPT, "Rescale Intercept")?.unwrap_or(0.);
        let center = fields.decimal(WINDOW_CENTER, "Window Center")?;
        let width = fields.decimal(WINDOW_WIDTH, "Window Width")?;
        let window = match center.zip(width) {
            None => None,
            Some((center, width)) => {
                let curve = match fields.text(VOI_LUT_FUNCTION, "VOI LUT Function")?.unwrap_or("LINEAR") {
                    "LINEAR" => Curve::Linear,
                    "LINEAR_EXACT" => Curve::LinearExact,
                    "SIGMOID" => Curve::Sigmoid,
                    other => {
                        let expected = "LINEAR, LINEAR_EXACT or SIGMOID as VOI LUT Function";
                        return Err(Error::image(place, expected, other));
                    }
                };
                if width <= 0. || curve == Curve::Linear && width < 1. {
                    return Err(Error::image(place, "a Window Width of 1 or more", width.to_string()));
                }
                Some(Window { center, width, curve })
            }
        };
        Ok(Tone { stored: self.stored, signed: self.signed, slope, intercept, window })
    }
}

struct Fields<'a> {
    elements: &'a Elements<'a>,
    big_endian: bool,
    place: &'a str,
}

impl Fields<'_> {
    fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        match self.elements.get(&tag) {
            Some((_, Value::Bytes(bytes))) if tag != PIXEL_DATA => Some(bytes),
            _ => None,
        }
    }

    fn word(&self) -> fn([u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes } else { u16::from_le_bytes }
    }

    fn words<const N: usize>(&self, tag: Tag) -> Option<[u16; N]> {
        let words = self.bytes(tag)?.as_chunks::<2>().0.first_chunk::<N>()?;
        Some(words.map(self.word()))
    }

    fn optional(&self, tag: Tag) -> Option<u16> {
        self.words::<1>(tag).map(|[word]| word)
    }

    fn number(&self, tag: Tag, name: &str) -> Result<u16, Error> {
        self.optional(tag).ok_or_else(|| Error::image(self.place, format!("{name} {tag}"), "none"))
    }

    /// Returns the first value of a text without padding; `None` if it is blank.
    fn text(&self, tag: Tag, name: &str) -> Result<Option<&str>, Error> {
        let first = self.bytes(tag).and_then(|bytes| bytes.split(|&byte| byte == b'\\').next());
        let text = std::str::from_utf8(first.unwrap_or_default())
            .map_err(|_| Error::image(self.place, format!("{name} {tag} in ASCII"), "other bytes"))?;
        Ok(Some(text.trim_matches([' ', '\0'])).filter(|text| !text.is_empty()))
    }

    fn decimal(&self, tag: Tag, name: &str) -> Result<Option<f64>, Error> {
        let Some(text) = self.text(tag, name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        let wrong = || Error::image(self.place, format!("a number as {name} {tag}"), format!("`{text}`"));
        number.map(Some).ok_or_else(wrong)
    }
}
