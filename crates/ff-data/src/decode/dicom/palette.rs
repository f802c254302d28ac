//! Expands the indices of a palette to RGB.

use super::tone::{Samples, number};

/// The colours of a palette (DICOM part 3, C.7.6.3.1.5 and C.7.6.3.1.6).
pub struct Palette {
    /// The index of the first colour.
    first: i32,
    colours: Vec<[u8; 3]>,
    stored: u16,
    signed: bool,
}

impl Palette {
    /// Creates a palette for indices of `stored` bits from a descriptor (colours, where 0 is 65536;
    /// index of the first; bits) and the red, green and blue tables. The error says what was found.
    ///
    /// A table has a word per colour or, if it is too short for that, a byte.
    pub fn new(
        [count, first, bits]: [u16; 3],
        tables: [&[u8]; 3],
        word: fn([u8; 2]) -> u16,
        (stored, signed): (u16, bool),
    ) -> Result<Self, String> {
        let count = if count == 0 { 1 << 16 } else { usize::from(count) };
        let mut colours = vec![[0; 3]; count];
        for (channel, table) in tables.into_iter().enumerate() {
            let words: Vec<u16> = table.as_chunks().0.iter().map(|&bytes| word(bytes)).collect();
            if words.len() < count.div_ceil(2) || !matches!(bits, 8 | 16) {
                return Err(format!("{count} colours of {bits} bits in {} bytes", table.len()));
            }
            for (index, colour) in colours.iter_mut().enumerate() {
                colour[channel] = if words.len() < count {
                    (words[index / 2] >> (index % 2 * 8)) as u8
                } else if bits == 8 {
                    words[index] as u8
                } else {
                    ((u32::from(words[index]) + 128) / 257) as u8
                };
            }
        }
        let first = if signed { i32::from(first as i16) } else { i32::from(first) };
        Ok(Self { first, colours, stored, signed })
    }

    /// Returns the colours of the indices. Those outside the palette are its first or last colour.
    pub fn apply(&self, samples: &Samples<'_>) -> Vec<u8> {
        let last = self.colours.len() as i32 - 1;
        let colour = |sample: u16| {
            let index = number(sample, self.stored, self.signed) - self.first;
            self.colours[index.clamp(0, last) as usize]
        };
        match samples {
            Samples::Bytes(bytes) => bytes.iter().flat_map(|&sample| colour(sample.into())).collect(),
            Samples::Words(words) => words.iter().flat_map(|&sample| colour(sample)).collect(),
        }
    }
}
