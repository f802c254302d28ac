//! torchvision's RandAugment with N = 2, M = 15 of 31 bins, bilinear, fill 0 (Cubuk et al. 2020).

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use strum::VariantArray;

use super::{affine, enhance, tone};
use crate::image::Image;

/// N: operations per image.
const OPERATIONS: usize = 2;
/// M divided by the last bin. Magnitudes are evenly spaced over the bins, so M = 15 of 0..=30 is
/// the middle of each range.
const MAGNITUDE: f64 = 15.0 / 30.0;
const FILL: [u8; 3] = [0; 3];

/// torchvision's 14 operations. Draws depend on their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub(super) enum Operation {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

/// Applies two operations drawn uniformly and independently. A magnitude with a sign is negative
/// with probability 1/2.
pub(super) fn rand_augment(image: &mut Image, rng: &mut ChaCha8Rng) {
    for _ in 0..OPERATIONS {
        let (operation, sign) = draw(rng);
        operation.apply(image, sign);
    }
}

fn draw(rng: &mut ChaCha8Rng) -> (Operation, f64) {
    let operation = *Operation::VARIANTS.choose(rng).expect("there are operations");
    let negative = operation.is_signed() && rng.random_bool(0.5);
    (operation, if negative { -1.0 } else { 1.0 })
}

impl Operation {
    /// Returns whether the magnitude has a sign.
    fn is_signed(self) -> bool {
        !matches!(
            self,
            Self::Identity | Self::Posterize | Self::Solarize | Self::AutoContrast | Self::Equalize
        )
    }

    /// Applies the operation at M; a magnitude with a sign is multiplied by `sign`.
    pub(super) fn apply(self, image: &mut Image, sign: f64) {
        let affine = |image: &mut Image, inverse| affine::transform(image, inverse, FILL);
        let shear = sign * 0.3 * MAGNITUDE;
        let factor = (1.0 + sign * 0.9 * MAGNITUDE) as f32;
        match self {
            Self::Identity => {}
            Self::ShearX => affine(image, affine::shear_x(shear)),
            Self::ShearY => affine(image, affine::shear_y(shear)),
            Self::TranslateX => affine(image, affine::translate(sign * shift(image.width), 0.0)),
            Self::TranslateY => affine(image, affine::translate(0.0, sign * shift(image.height))),
            Self::Rotate => affine(image, affine::rotate(sign * 30.0 * MAGNITUDE, image)),
            Self::Brightness => enhance::brightness(image, factor),
            Self::Color => enhance::color(image, factor),
            Self::Contrast => enhance::contrast(image, factor),
            Self::Sharpness => enhance::sharpness(image, factor),
            // From 8 bits at bin 0 to 4 bits at the last bin.
            Self::Posterize => tone::posterize(image, (8.0 - 4.0 * MAGNITUDE).round_ties_even() as u32),
            Self::Solarize => tone::solarize(image, (255.0 * (1.0 - MAGNITUDE)) as f32),
            Self::AutoContrast => tone::auto_contrast(image),
            Self::Equalize => tone::equalize(image),
        }
    }
}

/// Returns the shift at M for an image side of `side` pixels: whole pixels, towards 0.
fn shift(side: u32) -> f64 {
    // torchvision spaces magnitudes in f32, which keeps 150/331 of a multiple of 331 whole.
    let largest = (150.0 / 331.0 * f64::from(side)) as f32;
    f64::from((largest * MAGNITUDE as f32).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::golden_tests::Golden;
    use crate::random::stream;

    #[test]
    fn shifts_equal_torchvision() {
        for (side, expected) in (1..).zip(Golden::open().table("translate", i64::from_le_bytes)) {
            assert_eq!(shift(side), expected as f64, "{side} pixels");
        }
    }

    /// 28,000 draws of one in 14: 2,000 each, give or take 43 (one standard deviation).
    #[test]
    fn operations_and_signs_are_uniform() {
        let mut rng = stream(4, "operations", &[]);
        let draws: Vec<_> = (0..28_000).map(|_| draw(&mut rng)).collect();
        for &operation in Operation::VARIANTS {
            let signs: Vec<f64> =
                draws.iter().filter(|draw| draw.0 == operation).map(|draw| draw.1).collect();
            assert!((1800..2200).contains(&signs.len()), "{operation:?}: {}", signs.len());
            let negative = signs.iter().filter(|sign| **sign < 0.0).count();
            let expected = if operation.is_signed() { 850..1150 } else { 0..1 };
            assert!(expected.contains(&negative), "{operation:?}: {negative}");
        }
    }

    #[test]
    fn the_fill_is_black() {
        let mut image = Image::filled(20, 20, [200; 3]);
        Operation::TranslateX.apply(&mut image, 1.0);
        assert_eq!(image.data[..3], [0; 3]);
        assert_eq!(image.data[19 * 3..20 * 3], [200; 3]);
    }
}
