//! Pillow's `ImageEnhance`: a blend of the picture with a degenerate one. Factor 0 is the degenerate picture, 1 the
//! picture itself, above 1 away from the degenerate one.

use super::tone::map;
use crate::Image;

/// Blends with black.
pub(super) fn brightness(image: &mut Image, factor: f32) {
    map(image, |level| blend(0, level, factor));
}

/// Blends with the picture's mean grey.
pub(super) fn contrast(image: &mut Image, factor: f32) {
    let (pixels, _) = image.data.as_chunks::<3>();
    let sum: u64 = pixels.iter().map(|pixel| u64::from(luma(*pixel))).sum();
    let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
    map(image, |level| blend(mean, level, factor));
}

/// Blends each pixel with its own grey: saturation.
pub(super) fn color(image: &mut Image, factor: f32) {
    let (pixels, _) = image.data.as_chunks_mut::<3>();
    for pixel in pixels {
        let grey = luma(*pixel);
        *pixel = pixel.map(|level| blend(grey, level, factor));
    }
}

/// Blends with a smoothed picture: each pixel the mean of its neighbourhood of nine, itself counted five times. The
/// outermost pixels have no such neighbourhood and stay.
pub(super) fn sharpness(image: &mut Image, factor: f32) {
    if image.width < 3 || image.height < 3 {
        return;
    }
    let stride = image.width as usize * 3;
    let old = image.data.clone();
    let mut columns = vec![0_u16; stride];
    let rows = old.windows(3 * stride).step_by(stride);
    for (rows, out) in rows.zip(image.data.chunks_exact_mut(stride).skip(1)) {
        // The sums down each column of the three rows, so that a sum over nine pixels is one over three columns.
        let (above, rest) = rows.split_at(stride);
        let (middle, below) = rest.split_at(stride);
        for (((sum, above), middle), below) in columns.iter_mut().zip(above).zip(middle).zip(below) {
            *sum = u16::from(*above) + u16::from(*middle) + u16::from(*below);
        }
        // `out` still holds the row's old levels.
        let (left, right) = (&columns[..stride - 6], &columns[6..]);
        for (((level, left), column), right) in out[3..].iter_mut().zip(left).zip(&columns[3..]).zip(right) {
            let sum = left + column + right + 4 * u16::from(*level);
            *level = blend(((sum + 6) / 13) as u8, *level, factor);
        }
    }
}

/// From `degenerate` (factor 0) to `level` (factor 1) or beyond, cut down to a whole level and to 0..=255.
fn blend(degenerate: u8, level: u8, factor: f32) -> u8 {
    let degenerate = f32::from(degenerate);
    (degenerate + factor * (f32::from(level) - degenerate)) as u8
}

/// Grey by ITU-R 601's weights, in the 16-bit fixed point that Pillow converts to mode `L` with.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}
