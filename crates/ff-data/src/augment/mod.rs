//! Augments and resizes a decoded image for a batch.
//!
//! An operation is a function of an image and explicit parameters, and equals Pillow's or
//! torchvision's (on PIL images) to one grey level. A policy draws the parameters only from the
//! generator that it is given, so the same stream gives the same image.

mod affine;
mod color_jitter;
mod crop;
mod enhance;
mod flip;
#[cfg(test)]
mod golden_tests;
mod rand_augment;
mod resize;
mod timm_rand_augment;
mod tone;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::image::Image;
pub use resize::resize;

/// The augmentation of images, which also crops or resizes them to a square.
///
/// All resampling is bilinear and antialiased. The model normalises images by mean and standard
/// deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[derive(strum::Display, strum::EnumString, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = String, parse_err_fn = unknown)]
pub enum Augment {
    /// Random resized crop of 90 to 100 % of the area, no flip (FissionFusion §3).
    Minimal,
    /// timm's default training transform (FissionFusion §3): random resized crop of 8 to 100 % of
    /// the area, horizontal flip with probability 1/2, colour jitter 0.4 on brightness, contrast
    /// and saturation.
    Medium,
    /// Random resized crop with scale 0.7 to 1.2, then torchvision's RandAugment; no flip
    /// (FissionFusion §3). RandAugment has N = 2 and M = 15 of 31 bins. As in torchvision, a crop
    /// that is larger than the image is drawn again.
    Heavy,
    /// timm's `rand-m15-n2` inside timm's training transform: random resized crop of 8 to 100 % of
    /// the area, horizontal flip with probability 1/2, then two of timm's 15 operations, each
    /// applied with probability 1/2 at magnitude 10, to which timm clamps 15. No colour jitter.
    #[strum(serialize = "rand-m15-n2")]
    RandM15N2,
    /// Resize to the square without a crop, then horizontal flip with probability 1/2. Used by
    /// InMerge §3.1 for ChestX-ray14.
    Flip,
    /// Resize to the square without a crop; nothing is random.
    Eval,
}

impl Augment {
    /// All augmentations.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Augments `image` and resizes it to `image_size` x `image_size` pixels. All randomness comes
    /// from `rng`; `Eval` draws nothing.
    ///
    /// ```
    /// use ff_data::{Augment, Image, random};
    ///
    /// let image = Image::filled(40, 30, [200, 120, 90]);
    /// let mut rng = random::stream(0, "augment", &[3, 17]); // seed 0, epoch 3, sample 17
    /// let augmented = Augment::Medium.apply(&image, 24, &mut rng);
    /// assert_eq!((augmented.width, augmented.height), (24, 24));
    /// ```
    ///
    /// # Panics
    ///
    /// If `image` has no pixels or `image_size` is 0.
    pub fn apply(self, image: &Image, image_size: u32, rng: &mut ChaCha8Rng) -> Image {
        match self {
            Self::Minimal => crop::random_resized_crop(image, 0.9..=1.0, image_size, rng),
            Self::Medium => {
                let mut out = timm_crop_and_flip(image, image_size, rng);
                color_jitter::color_jitter(&mut out, rng);
                out
            }
            Self::Heavy => {
                let mut out = crop::random_resized_crop(image, 0.7..=1.2, image_size, rng);
                rand_augment::rand_augment(&mut out, rng);
                out
            }
            Self::RandM15N2 => {
                let mut out = timm_crop_and_flip(image, image_size, rng);
                timm_rand_augment::rand_augment(&mut out, rng);
                out
            }
            Self::Flip => {
                let mut out = resize(image, image_size, image_size);
                flip_half(&mut out, rng);
                out
            }
            Self::Eval => resize(image, image_size, image_size),
        }
    }
}

fn flip_half(image: &mut Image, rng: &mut ChaCha8Rng) {
    if rng.random_bool(0.5) {
        flip::horizontal(image);
    }
}

/// The default start of timm's training transforms.
fn timm_crop_and_flip(image: &Image, image_size: u32, rng: &mut ChaCha8Rng) -> Image {
    let mut out = crop::random_resized_crop(image, 0.08..=1.0, image_size, rng);
    flip_half(&mut out, rng);
    out
}

fn unknown(found: &str) -> String {
    format!("expected an augmentation, found `{found}`\nhint: one of {}", Augment::VARIANTS.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use proptest::prelude::*;
    use rand::Rng;

    /// An image of random pixels.
    fn picture(width: u32, height: u32) -> Image {
        let mut data = vec![0; width as usize * height as usize * 3];
        stream(3, "picture", &[width.into(), height.into()]).fill_bytes(&mut data);
        Image { width, height, data }
    }

    #[test]
    fn names_are_the_same_everywhere() {
        for &augment in Augment::ALL {
            assert_eq!(augment.to_string().parse(), Ok(augment));
            let json = serde_json::to_string(&augment).unwrap();
            assert_eq!(json, format!("\"{augment}\""));
            assert_eq!(serde_json::from_str::<Augment>(&json).unwrap(), augment);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "rand".parse::<Augment>().unwrap_err();
        assert!(error.contains("`rand`") && error.contains("hint: one of minimal, medium"), "{error}");
    }

    #[test]
    fn only_the_stream_decides() {
        let image = picture(40, 30);
        for &augment in Augment::ALL {
            let draw = |index| augment.apply(&image, 24, &mut stream(5, "augment", &[index]));
            let alone: Vec<Image> = (0..8).map(draw).collect();
            let together: Vec<Image> = std::thread::scope(|scope| {
                let draw = &draw;
                let threads: Vec<_> = (0..8).map(|index| scope.spawn(move || draw(index))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(alone, together);
            let all_equal = alone.iter().all(|out| *out == alone[0]);
            assert_eq!(all_equal, augment == Augment::Eval, "{augment}");
        }
    }

    #[test]
    fn evaluation_is_a_resize_and_draws_nothing() {
        let (mut used, mut fresh) = (stream(0, "augment", &[]), stream(0, "augment", &[]));
        let image = picture(33, 20);
        assert_eq!(Augment::Eval.apply(&image, 16, &mut used), resize(&image, 16, 16));
        assert_eq!(used.next_u64(), fresh.next_u64());
    }

    #[test]
    fn flip_resizes_and_mirrors_half_of_the_images() {
        let image = picture(33, 20);
        let straight = resize(&image, 16, 16);
        let mut mirrored = straight.clone();
        flip::horizontal(&mut mirrored);
        let mut rng = stream(2, "augment", &[]);
        let flipped = (0..2000).filter(|_| {
            let out = Augment::Flip.apply(&image, 16, &mut rng);
            assert!(out == straight || out == mirrored);
            out == mirrored
        });
        assert!((900..1100).contains(&flipped.count()));
    }

    #[test]
    fn half_of_the_crops_are_flipped() {
        // Brighter to the right, whatever part of it is shown.
        let data = (0..64).flat_map(|x| [x * 4; 3]).collect();
        let image = resize(&Image { width: 64, height: 1, data }, 64, 64);
        let mut rng = stream(1, "augment", &[]);
        let flipped = (0..2000).filter(|_| {
            let out = timm_crop_and_flip(&image, 4, &mut rng);
            out.data[0] > out.data[9]
        });
        assert!((900..1100).contains(&flipped.count()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_image_becomes_a_square(width in 1u32..40, height in 1u32..40, image_size in 1u32..40, seed: u64) {
            let image = picture(width, height);
            for &augment in Augment::ALL {
                let out = augment.apply(&image, image_size, &mut stream(seed, "augment", &[]));
                prop_assert_eq!((out.width, out.height, out.data.len()), (image_size, image_size, (image_size * image_size * 3) as usize));
            }
        }

        #[test]
        fn a_sliver_becomes_a_square(length in 1u32..3000, upright: bool, seed: u64) {
            let image = if upright { picture(1, length) } else { picture(length, 1) };
            for &augment in Augment::ALL {
                let out = augment.apply(&image, 8, &mut stream(seed, "augment", &[]));
                prop_assert_eq!((out.width, out.height, out.data.len()), (8, 8, 192));
            }
        }
    }
}
