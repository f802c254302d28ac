//! Corrupts images as ImageNet-C does (Hendrycks & Dietterich 2019, arXiv 1903.12261).
//!
//! Formulas and parameters are those of the Python package imagecorruptions, fractions of a grey
//! level cut off as there. Lengths in pixels are for 224 px and scale with the image's side.
//! ImageNet-C's files are JPEGs of quality 85 on top of this; these images are not compressed.

mod contrast;
mod defocus_blur;
mod gaussian_noise;
#[cfg(test)]
mod golden_tests;
mod jpeg;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::image::Image;

/// A corruption of ImageNet-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[derive(strum::Display, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Corruption {
    /// Independent noise on each pixel and channel, as of a sensor in poor light: a standard
    /// deviation of 0.08, 0.12, 0.18, 0.26 or 0.38 on pixels from 0 to 1.
    GaussianNoise,
    /// The mean over a disk, as of a lens out of focus: a radius of 3, 4, 6, 8 or 10 pixels at
    /// 224 px.
    DefocusBlur,
    /// Differences from each channel's mean times 0.4, 0.3, 0.2, 0.1 or 0.05.
    Contrast,
    /// Compression as JPEG of quality 25, 18, 15, 10 or 7, with colours at half the resolution.
    Jpeg,
}

impl Corruption {
    /// All corruptions.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Corrupts an image. Only [`Self::GaussianNoise`] draws from `rng`.
    ///
    /// # Panics
    /// If `severity` is not 1 to 5, or `image` has no pixels or a side above 65,535.
    pub(crate) fn apply(self, image: &mut Image, severity: u8, rng: &mut ChaCha8Rng) {
        let level = usize::from(severity) - 1;
        match self {
            Self::GaussianNoise => {
                gaussian_noise::gaussian_noise(image, [0.08, 0.12, 0.18, 0.26, 0.38][level], rng);
            }
            Self::DefocusBlur => {
                let (radius, sigma) = [(3.0, 0.1), (4.0, 0.5), (6.0, 0.5), (8.0, 0.5), (10.0, 0.5)][level];
                let scale = f64::from(image.width.min(image.height)) / 224.0;
                defocus_blur::defocus_blur(image, radius * scale, sigma * scale);
            }
            Self::Contrast => contrast::contrast(image, [0.4, 0.3, 0.2, 0.1, 0.05][level]),
            Self::Jpeg => jpeg::jpeg(image, [25, 18, 15, 10, 7][level]),
        }
    }
}
