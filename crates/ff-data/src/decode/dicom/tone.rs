//! Converts stored greys to 8 bits.

use std::borrow::Cow;

/// Interleaved samples as stored in the file.
pub enum Samples<'a> {
    Bytes(Cow<'a, [u8]>),
    Words(Vec<u16>),
}

impl<'a> Samples<'a> {
    /// Creates samples of `width` bytes each.
    pub fn new(data: Cow<'a, [u8]>, width: usize, word: fn([u8; 2]) -> u16) -> Self {
        match width {
            1 => Self::Bytes(data),
            _ => Self::Words(data.as_chunks().0.iter().map(|&bytes| word(bytes)).collect()),
        }
    }

    /// Interleaves three planes.
    pub fn interleaved(self) -> Self {
        fn interleave<T: Copy>(data: &[T]) -> Vec<T> {
            let plane = data.len() / 3;
            (0..data.len()).map(|i| data[i % 3 * plane + i / 3]).collect()
        }
        match self {
            Self::Bytes(bytes) => Self::Bytes(interleave(&bytes).into()),
            Self::Words(words) => Self::Words(interleave(&words)),
        }
    }

    /// Rescales unsigned samples of `stored` bits to 8 bits.
    pub fn into_bytes(self, stored: u16) -> Vec<u8> {
        let most = u32::from(u16::MAX >> (16 - stored));
        let byte = |sample: u32| (((sample & most) * 255 + most / 2) / most) as u8;
        match self {
            Self::Bytes(bytes) if stored == 8 => bytes.into_owned(),
            Self::Bytes(bytes) => bytes.iter().map(|&sample| byte(sample.into())).collect(),
            Self::Words(words) => words.iter().map(|&sample| byte(sample.into())).collect(),
        }
    }
}

/// Returns the number of `stored` bits that a sample holds; its higher bits are ignored.
pub fn number(sample: u16, stored: u16, signed: bool) -> i32 {
    let above = 32 - u32::from(stored);
    let bits = u32::from(sample) << above;
    if signed { bits as i32 >> above } else { (bits >> above) as i32 }
}

/// The VOI LUT Function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    Linear,
    LinearExact,
    Sigmoid,
}

/// A window of values, mapped to all greys (DICOM part 3, C.11.2.1.2 and C.11.2.1.3).
pub struct Window {
    pub center: f64,
    /// At least 1 for [`Curve::Linear`], more than 0 for the others.
    pub width: f64,
    pub curve: Curve,
}

impl Window {
    /// Maps a value to black (0) to white (1).
    fn apply(&self, value: f64) -> f64 {
        let Self { center, width, curve } = *self;
        let ramp = |center: f64, width: f64| {
            if value <= center - width / 2. {
                0.
            } else if value > center + width / 2. {
                1.
            } else {
                (value - center) / width + 0.5
            }
        };
        match curve {
            Curve::Linear => ramp(center - 0.5, width - 1.),
            Curve::LinearExact => ramp(center, width),
            Curve::Sigmoid => 1. / (1. + (-4. * (value - center) / width).exp()),
        }
    }
}

/// How stored greys are converted to 8 bits.
pub struct Tone {
    /// Bits of a sample, 1 to 16.
    pub stored: u16,
    pub signed: bool,
    pub slope: f64,
    pub intercept: f64,
    pub window: Option<Window>,
}

impl Tone {
    /// Returns the rescaled value of a stored sample.
    fn value(&self, sample: u16) -> f64 {
        f64::from(number(sample, self.stored, self.signed)) * self.slope + self.intercept
    }
}

/// Converts greys to 8 bits and inverts them last if `inverted` is set.
pub fn to_8_bits(samples: &Samples<'_>, tone: &Tone, inverted: bool) -> Vec<u8> {
    match samples {
        Samples::Bytes(bytes) => map(bytes.iter().map(|&byte| byte.into()), tone, inverted),
        Samples::Words(words) => map(words.iter().copied(), tone, inverted),
    }
}

fn map(samples: impl Iterator<Item = u16> + Clone, tone: &Tone, inverted: bool) -> Vec<u8> {
    let mask = u16::MAX >> (16 - tone.stored);
    let fraction: Box<dyn Fn(u16) -> f64> = match &tone.window {
        Some(window) => Box::new(|sample| window.apply(tone.value(sample))),
        None if matches!(tone.stored, 1 | 8) && !tone.signed => {
            Box::new(|sample| f64::from(sample) / f64::from(mask))
        }
        None => {
            let bounds = (f64::INFINITY, f64::NEG_INFINITY);
            let values = samples.clone().map(|sample| tone.value(sample));
            let (low, high) = values.fold(bounds, |(low, high), value| (low.min(value), high.max(value)));
            // An image of one value is black.
            Box::new(move |sample| if high > low { (tone.value(sample) - low) / (high - low) } else { 0. })
        }
    };
    // Computed for each value that a sample can have, not for each pixel. `as` clamps.
    let grey = |sample| (fraction(sample) * 255.).round() as u8;
    let table: Vec<u8> =
        (0..=mask).map(|sample| if inverted { 255 - grey(sample) } else { grey(sample) }).collect();
    samples.map(|sample| table[usize::from(sample & mask)]).collect()
}
