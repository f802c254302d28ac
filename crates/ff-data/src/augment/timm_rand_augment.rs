//! timm's `rand-m15-n2`. It differs from torchvision's RandAugment: other operations, other
//! magnitudes, and each operation is applied with probability 1/2 only.
//!
//! timm scales magnitudes by 10 and clamps larger ones, so 15 means 10, the end of each range. Not
//! all operations get stronger with it: at 10, `Solarize` leaves the image unchanged and
//! `Posterize` keeps 4 bits.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use strum::VariantArray;

use super::{affine, enhance, tone};
use crate::image::Image;

/// Operations per image.
const OPERATIONS: usize = 2;
/// ImageNet's mean colour.
const FILL: [u8; 3] = [124, 116, 104];

/// timm's 15 operations. Draws depend on their order.
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

/// Draws two operations uniformly and independently and applies each with probability 1/2. A
/// magnitude with a sign is negative with probability 1/2.
pub(super) fn rand_augment(image: &mut Image, rng: &mut ChaCha8Rng) {
    for _ in 0..OPERATIONS {
        if let Some((operation, sign)) = draw(rng) {
            operation.apply(image, sign);
        }
    }
}

/// Draws an operation and a sign; `None` if the operation is not applied.
fn draw(rng: &mut ChaCha8Rng) -> Option<(Operation, f64)> {
    let operation = *Operation::VARIANTS.choose(rng).expect("there are operations");
    rng.random_bool(0.5).then(|| {
        let negative = operation.is_signed() && rng.random_bool(0.5);
        (operation, if negative { -1.0 } else { 1.0 })
    })
}

impl Operation {
    /// Returns whether the magnitude has a sign.
    fn is_signed(self) -> bool {
        use Operation::{Rotate, ShearX, ShearY, TranslateXRel, TranslateYRel};
        matches!(self, Rotate | ShearX | ShearY | TranslateXRel | TranslateYRel)
    }

    /// Applies the operation at magnitude 10; a magnitude with a sign is multiplied by `sign`.
    pub(super) fn apply(self, image: &mut Image, sign: f64) {
        let affine = |image: &mut Image, inverse| affine::transform(image, inverse, FILL);
        // timm gives the shift from output to input, so the sign is opposite.
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

    /// 30,000 draws of one in 15, applied half of the time: 1,000 each, give or take 31 (one
    /// standard deviation).
    #[test]
    fn operations_and_signs_are_uniform() {
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
