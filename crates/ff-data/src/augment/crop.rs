//! Random resized crop: a part of random area and aspect ratio, resized to a square.

use std::ops::RangeInclusive;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::resize::{Region, resize_region};
use crate::image::Image;

/// The aspect ratios (width over height) of crops.
const RATIO: RangeInclusive<f64> = 3.0 / 4.0..=4.0 / 3.0;
/// Draws that may fail to fit before the fallback.
const ATTEMPTS: usize = 10;

/// Crops a random region (see [`draw`]) and resizes it to `image_size` x `image_size`.
pub(super) fn random_resized_crop(
    image: &Image,
    scale: RangeInclusive<f64>,
    image_size: u32,
    rng: &mut ChaCha8Rng,
) -> Image {
    resize_region(image, draw(image.width, image.height, scale, rng), image_size, image_size)
}

/// Draws a region as torchvision does: its share of the area is uniform in `scale`, the logarithm
/// of its aspect ratio is uniform in that of [`RATIO`], its position is uniform. A draw that does
/// not fit is repeated, so a share above 1 is allowed but never used; after [`ATTEMPTS`] draws
/// [`fallback`] gives the region.
fn draw(width: u32, height: u32, scale: RangeInclusive<f64>, rng: &mut ChaCha8Rng) -> Region {
    let area = f64::from(width) * f64::from(height);
    for _ in 0..ATTEMPTS {
        let target = area * rng.random_range(scale.clone());
        let ratio = rng.random_range(RATIO.start().ln()..=RATIO.end().ln()).exp();
        let (w, h) = (round((target * ratio).sqrt()), round((target / ratio).sqrt()));
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let top = rng.random_range(0..=height - h);
            let left = rng.random_range(0..=width - w);
            return Region { left, top, width: w, height: h };
        }
    }
    fallback(width, height)
}

/// Returns the largest centred region with an aspect ratio in [`RATIO`].
fn fallback(width: u32, height: u32) -> Region {
    let ratio = f64::from(width) / f64::from(height);
    let (w, h) = if ratio < *RATIO.start() {
        (width, round(f64::from(width) / RATIO.start()))
    } else if ratio > *RATIO.end() {
        (round(f64::from(height) * RATIO.end()), height)
    } else {
        (width, height)
    };
    Region { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
}

/// Rounds to the nearest whole number of pixels, halves to even as in Python.
fn round(pixels: f64) -> u32 {
    pixels.round_ties_even() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::golden_tests::Golden;
    use crate::random::stream;
    use proptest::prelude::*;

    #[test]
    fn fallback_equals_torchvision() {
        for row in Golden::open().table("fallback", i64::from_le_bytes).chunks_exact(6) {
            let row: Vec<u32> = row.iter().map(|&value| value as u32).collect();
            let expected = Region { left: row[2], top: row[3], width: row[4], height: row[5] };
            assert_eq!(fallback(row[0], row[1]), expected, "{}x{}", row[0], row[1]);
        }
    }

    /// Both sides are means of 20,000 draws, each within a few standard errors (at most 0.12
    /// pixels) of the truth.
    #[test]
    fn draws_are_distributed_as_in_torchvision() {
        let mut rng = stream(2, "crop", &[]);
        for row in Golden::open().table("crop_means", f64::from_le_bytes).chunks_exact(8) {
            let (width, height) = (row[2] as u32, row[3] as u32);
            let mut sums = [0.0; 4];
            for _ in 0..20_000 {
                let region = draw(width, height, row[0]..=row[1], &mut rng);
                for (sum, value) in
                    sums.iter_mut().zip([region.left, region.top, region.width, region.height])
                {
                    *sum += f64::from(value);
                }
            }
            for (sum, expected) in sums.iter().zip(&row[4..]) {
                let mean = sum / 20_000.0;
                assert!((mean - expected).abs() < 0.6, "{mean} against {expected} in {row:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_region_is_inside_and_has_pixels(
            width in 1u32..5000, height in 1u32..5000, low in 0.01f64..1.0, more in 0.0f64..0.5, seed: u64
        ) {
            let region = draw(width, height, low..=low + more, &mut stream(seed, "crop", &[]));
            prop_assert!(region.width > 0 && region.left + region.width <= width);
            prop_assert!(region.height > 0 && region.top + region.height <= height);
        }

        #[test]
        fn area_and_aspect_ratio_keep_their_ranges(seed: u64) {
            // Large enough that rounding to pixels has little effect, and square, so that the
            // fallback is the whole image.
            let region = draw(2000, 2000, 0.08..=1.0, &mut stream(seed, "crop", &[]));
            let (w, h) = (f64::from(region.width), f64::from(region.height));
            prop_assert!((0.0799..=1.0).contains(&(w * h / 4e6)));
            prop_assert!((0.748..=1.336).contains(&(w / h)));
        }
    }
}
