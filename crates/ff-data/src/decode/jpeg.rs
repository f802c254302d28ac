//! What a JPEG's markers say, and the JPEGs that the usual decoder gets wrong.
//!
//! `image` decodes JPEG by zune-jpeg 0.5. Without an error, it gives another picture for sequential
//! JPEGs whose components have scans of their own, for a luma of fewer samples than the chroma, and
//! for YCbCr under contradictory colour markers. These, and what it refuses though Pillow reads it,
//! are decoded by jpeg-decoder, which is slower.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use jpeg_decoder::{ColorTransform, Decoder};
use memchr::memchr;

use super::{check_size, cmyk_to_rgb};
use crate::error::Error;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Returns whether a JPEG ends before its end-of-image marker. The decoder would fill the missing
/// part with grey, and a model would be trained on it.
///
/// Only the first image counts: a film or a second image may follow it.
pub fn jpeg_is_truncated(bytes: &[u8]) -> bool {
    Segments { rest: bytes }.all(|(marker, _)| marker != END_OF_IMAGE)
}

/// The marker segments of a JPEG: marker and content. Entropy-coded data is skipped. The end marker
/// is the last item; without it the data is truncated or damaged.
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest = &self.rest[memchr(0xff, self.rest)?..];
            match *self.rest.get(1)? {
                // Fill byte.
                0xff => self.rest = &self.rest[1..],
                // A stuffed byte of entropy-coded data, or a marker without content: TEM, restart
                // or start of image.
                0x00 | 0x01 | 0xd0..=0xd8 => self.rest = &self.rest[2..],
                END_OF_IMAGE => {
                    self.rest = &[];
                    return Some((END_OF_IMAGE, &[]));
                }
                marker => {
                    let length = usize::from(u16::from_be_bytes(*self.rest[2..].first_chunk()?));
                    let content = self.rest.get(4..2 + length)?;
                    self.rest = &self.rest[2 + length..];
                    return Some((marker, content));
                }
            }
        }
    }
}

/// The markers before the first scan.
#[derive(Default)]
pub struct Header {
    /// The last digit of the start-of-frame marker: 0 baseline, 1 extended, 2 progressive,
    /// 3 lossless.
    pub process: u8,
    pub precision: u8,
    pub width: u16,
    pub height: u16,
    pub components: Vec<Component>,
    in_first_scan: usize,
    pub restarts: bool,
    /// The right shift of samples in a lossless JPEG's scan.
    pub point_transform: u8,
    pub jfif: bool,
    /// The colour transform of the Adobe marker.
    pub adobe: Option<u8>,
}

pub struct Component {
    id: u8,
    /// Sampling factors.
    horizontal: u8,
    vertical: u8,
}

impl Header {
    /// Reads the header of a whole JPEG of a process that can be decoded.
    pub fn read(bytes: &[u8], place: &str) -> Result<Self, Error> {
        if jpeg_is_truncated(bytes) {
            let found = "one without an end marker: the file is truncated";
            return Err(Error::image(place, "a whole JPEG image", found));
        }
        let header = Self::before_first_scan(bytes)
            .ok_or_else(|| Error::image(place, "a valid JPEG image", "one without a frame and a scan"))?;
        let found = match (header.process, header.precision) {
            (0..=2, 8) => return Ok(header),
            (0..=2, bits) => format!("one of {bits} bits"),
            (3, _) => "a lossless one".to_owned(),
            (9..=11, _) => "an arithmetic-coded one".to_owned(),
            (process, _) => format!("a hierarchical one (SOF{process})"),
        };
        let expected = "a baseline, extended or progressive JPEG image of 8 bits";
        Err(Error::image(place, expected, found).hint("convert it to PNG"))
    }

    fn before_first_scan(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let ends = Segments { rest: bytes }.any(|(marker, content)| header.take(marker, content));
        ends.then_some(header)
    }

    /// Takes what a segment says. Returns whether the first scan follows it.
    pub fn take(&mut self, marker: u8, content: &[u8]) -> bool {
        match (marker, content) {
            // Huffman tables, extensions, arithmetic conditioning.
            (0xc4 | 0xc8 | 0xcc, _) => {}
            (0xc0..=0xcf, &[precision, y1, y0, x1, x0, _, ref components @ ..]) => {
                let component = |&[id, sampling, _]: &[u8; 3]| Component {
                    id,
                    horizontal: sampling >> 4,
                    vertical: sampling & 15,
                };
                self.process = marker - 0xc0;
                self.precision = precision;
                self.height = u16::from_be_bytes([y1, y0]);
                self.width = u16::from_be_bytes([x1, x0]);
                self.components = components.as_chunks().0.iter().map(component).collect();
            }
            (0xdd, &[high, low]) => self.restarts = (high, low) != (0, 0),
            (0xe0, [b'J', b'F', b'I', b'F', 0, ..]) => self.jfif = true,
            (0xee, &[b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
                self.adobe = Some(transform);
            }
            (START_OF_SCAN, &[components, ref rest @ ..]) if !self.components.is_empty() => {
                self.in_first_scan = components.into();
                self.point_transform = rest.last().map_or(0, |last| last & 15);
                return true;
            }
            _ => {}
        }
        false
    }

    /// Returns whether zune-jpeg refuses the picture or decodes it wrongly.
    pub fn needs_jpeg_decoder(&self) -> bool {
        let [first, _, _, ..] = self.components.as_slice() else { return false };
        let by_component = self.process != 2 && self.in_first_scan < self.components.len();
        let sampling = self.components.iter().any(|component| {
            component.horizontal > first.horizontal
                || component.vertical > first.vertical
                || [component.horizontal, component.vertical].contains(&3)
        });
        let named_rgb = self.adobe == Some(0) || self.ids() == [b'R', b'G', b'B'];
        let taken_for_rgb = self.components.len() == 3 && self.jfif && named_rgb;
        by_component || sampling || taken_for_rgb || self.adobe.is_some_and(|transform| transform > 2)
    }

    /// Returns whether jpeg-decoder counts the blocks of a component wrongly: those with a scan of
    /// their own and a sampling factor between 1 and the largest.
    fn has_partial_scans(&self) -> bool {
        let partial = |factor: fn(&Component) -> u8| {
            let most = self.components.iter().map(factor).max();
            self.components.iter().map(factor).any(|factor| factor > 1 && Some(factor) < most)
        };
        let alone = self.process == 2 || self.in_first_scan < self.components.len();
        alone && (partial(|component| component.horizontal) || partial(|component| component.vertical))
    }

    /// Returns the names of the components.
    pub fn ids(&self) -> Vec<u8> {
        self.components.iter().map(|component| component.id).collect()
    }

    /// Returns whether three components are YCbCr, by the rule of libjpeg: JFIF is YCbCr, else the
    /// Adobe marker counts, else the components' names.
    fn is_ycc(&self) -> bool {
        match self.adobe {
            _ if self.jfif => true,
            Some(transform) => transform != 0,
            None => self.ids() != [b'R', b'G', b'B'],
        }
    }

    /// Decodes the picture by jpeg-decoder.
    pub fn decode(&self, bytes: &[u8], place: &str) -> Result<(DynamicImage, Orientation), Error> {
        let (width, height) = (u32::from(self.width), u32::from(self.height));
        check_size(width, height, place)?;
        if self.has_partial_scans() {
            let found = "scans of single components with a sampling factor between 1 and the largest";
            let expected = "a JPEG image of a supported form";
            return Err(Error::image(place, expected, found).hint("convert it to PNG"));
        }
        let corrupt =
            |why: String| Error::image(place, "a valid JPEG image", format!("a corrupt one: {why}"));
        let mut decoder = Decoder::new(bytes);
        if self.components.len() == 3 {
            let ycc = self.is_ycc();
            decoder.set_color_transform(if ycc { ColorTransform::YCbCr } else { ColorTransform::RGB });
        }
        let data = decoder.decode().map_err(|error| corrupt(error.to_string()))?;
        let rgb = match self.components.len() {
            3 => data,
            _ => data.as_chunks().0.iter().flat_map(|&ink| cmyk_to_rgb(ink)).collect(),
        };
        let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
        let picture = RgbImage::from_raw(width, height, rgb)
            .ok_or_else(|| corrupt("not as many pixels as its header claims".to_owned()))?;
        Ok((DynamicImage::ImageRgb8(picture), orientation.unwrap_or(Orientation::NoTransforms)))
    }
}
