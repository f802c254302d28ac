//! timm's `rand-m15-n2`, which is not torchvision's RandAugment: other operations, other
//! magnitudes, and each runs with probability 1/2 only.
//!
//! timm scales magnitudes by 10 and clamps larger ones, so 15 means 10, the end of each range. Its
//! magnitudes do not all grow stronger: at 10, `Solarize` leaves the picture as it is and
//! `Posterize` keeps 4 bits.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use strum::VariantArray;

use super::{affine, enhance, tone};
use crate::image::Image;

/// Operations in a row.
const OPERATIONS: usize = 2;
/// ImageNet's mean colour.
const FILL: [u8; 3] = [124, 116, 104];

/// timm's 15 operations. Their order decides what is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub(super) enum Operation {
    AutoContrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    Solarize,
    SolarizeAdd,
    Color,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateXRel,
    TranslateYRel,
}

/// Two operations drawn uniformly and independently; each runs with probability 1/2, and a
/// magnitude that has a sign gets either with probability 1/2.
pub(super) fn rand_augment(image: &mut Image, rng: &mut ChaCha8Rng) {
    for _ in 0..OPERATIONS {
        if let Some((operation, sign)) = draw(rng) {
            operation.apply(image, sign);
        }
    }
}

/// `None` where the operation drawn does not run.
fn draw(rng: &mut ChaCha8Rng) -> Option<(Operation, f64)> {
    let operation = *Operation::VARIANTS.choose(rng).expect("there are operations");
    rng.random_bool(0.5).then(|| {
        let negative = operation.is_signed() && rng.random_bool(0.5);
        (operation, if negative { -1.0 } else { 1.0 })
    })
}

impl Operation {
    /// Whether the magnitude may turn negative.
    fn is_signed(self) -> bool {
        use Operation::{Rotate, ShearX, ShearY, TranslateXRel, TranslateYRel};
        matches!(self, Rotate | ShearX | ShearY | TranslateXRel | TranslateYRel)
    }

    /// Runs at magnitude 10, times `sign` where it has one.
    pub(super) fn apply(self, image: &mut Image, sign: f64) {
        let affine = |image: &mut Image, inverse| affine::transform(image, inverse, FILL);
        // timm gives the shift from output to input, which is the other way round.
        let shift = |side: u32| -sign * 0.45 * f64::from(side);
        match self {
            Self::AutoContrast => tone::auto_contrast(image),
            Self::Equalize => tone::equalize(image),
            Self::Invert => tone::invert(image),
            Self::Rotate => affine(image, affine::rotate(sign * 30.0, image)),
            Self::Posterize => tone::posterize(image, 4),
            Self::Solarize => tone::solarize(image, 256.0),
            Self::SolarizeAdd => tone::solarize_add(image, 110),
            Self::Color => enhance::color(image, 1.9),
            Self::Contrast => enhance::contrast(image, 1.9),
            Self::Brightness => enhance::brightness(image, 1.9),
            Self::Sharpness => enhance::sharpness(image, 1.9),
            Self::ShearX => affine(image, affine::shear_x(sign * 0.3)),
            Self::ShearY => affine(image, affine::shear_y(sign * 0.3)),
            Self::TranslateXRel => affine(image, affine::translate(shift(image.width), 0.0)),
            Self::TranslateYRel => affine(image, affine::translate(0.0, shift(image.height))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    /// 30,000 draws of one in 15 that runs every other time: 1,000 each, give or take 31 (one
    /// standard deviation).
    #[test]
    fn each_operation_is_as_likely_and_so_is_each_sign() {
        let mut rng = stream(6, "operations", &[]);
        let draws: Vec<_> = (0..30_000).filter_map(|_| draw(&mut rng)).collect();
        for &operation in Operation::VARIANTS {
            let signs: Vec<f64> =
                draws.iter().filter(|draw| draw.0 == operation).map(|draw| draw.1).collect();
            assert!((850..1150).contains(&signs.len()), "{operation:?}: {}", signs.len());
            let negative = signs.iter().filter(|sign| **sign < 0.0).count();
            let expected = if operation.is_signed() { 400..600 } else { 0..1 };
            assert!(expected.contains(&negative), "{operation:?}: {negative}");
        }
    }
}
