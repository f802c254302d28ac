//! Pillow's `ImageEnhance`: a blend of the image with a degenerate one. Factor 0 is the degenerate
//! image, 1 the image itself; a factor above 1 extrapolates away from the degenerate one.

use multiversion::multiversion;

use crate::image::Image;

/// Pixels that are blended at a time.
const BLOCK: usize = 128;

/// Blends with black.
pub(super) fn brightness(image: &mut Image, factor: f32) {
    blend_all(image, 0, factor);
}

/// Blends with the mean grey of the image.
pub(super) fn contrast(image: &mut Image, factor: f32) {
    let (pixels, _) = image.data.as_chunks::<3>();
    let sum: u64 = pixels.iter().map(|pixel| u64::from(luma(*pixel))).sum();
    let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
    blend_all(image, mean, factor);
}

/// Blends each pixel with its own grey: saturation.
pub(super) fn color(image: &mut Image, factor: f32) {
    for block in image.data.chunks_mut(3 * BLOCK) {
        let mut greys = [0; 3 * BLOCK];
        for (grey, pixel) in greys.as_chunks_mut::<3>().0.iter_mut().zip(block.as_chunks::<3>().0) {
            *grey = [luma(*pixel); 3];
        }
        blend_each(&greys, block, factor);
    }
}

/// Blends with a smoothed image: each pixel is the mean of its 3 x 3 neighbourhood, in which it
/// counts five times. The outermost pixels have no such neighbourhood and stay unchanged.
pub(super) fn sharpness(image: &mut Image, factor: f32) {
    if image.width < 3 || image.height < 3 {
        return;
    }
    let stride = image.width as usize * 3;
    let old = image.data.clone();
    let mut columns = vec![0_u16; stride];
    let mut smooth = vec![0; stride - 6];
    let rows = old.windows(3 * stride).step_by(stride);
    for (rows, out) in rows.zip(image.data.chunks_exact_mut(stride).skip(1)) {
        // Sums down each column of the three rows, so that a sum over nine pixels is a sum over
        // three columns.
        let (above, rest) = rows.split_at(stride);
        let (middle, below) = rest.split_at(stride);
        for (((sum, above), middle), below) in columns.iter_mut().zip(above).zip(middle).zip(below) {
            *sum = u16::from(*above) + u16::from(*middle) + u16::from(*below);
        }
        let (left, right) = (&columns[..stride - 6], &columns[6..]);
        let columns = left.iter().zip(&columns[3..]).zip(right);
        for ((smooth, ((left, column), right)), middle) in smooth.iter_mut().zip(columns).zip(&middle[3..]) {
            *smooth = ((left + column + right + 4 * u16::from(*middle) + 6) / 13) as u8;
        }
        blend_each(&smooth, &mut out[3..stride - 3], factor);
    }
}

/// Blends each level with the same degenerate one.
fn blend_all(image: &mut Image, degenerate: u8, factor: f32) {
    let degenerate = [degenerate; 3 * BLOCK];
    image.data.chunks_mut(3 * BLOCK).for_each(|block| blend_each(&degenerate, block, factor));
}

/// Blends each level with a degenerate one of its own.
#[multiversion(targets("x86_64+avx2"))]
fn blend_each(degenerate: &[u8], levels: &mut [u8], factor: f32) {
    for (level, degenerate) in levels.iter_mut().zip(degenerate) {
        *level = blend(*degenerate, *level, factor);
    }
}

/// Blends from `degenerate` (factor 0) to `level` (factor 1) or beyond.
///
/// The result is truncated to a whole level and clamped to 0..=255.
#[inline]
fn blend(degenerate: u8, level: u8, factor: f32) -> u8 {
    let degenerate = f32::from(degenerate);
    let blended = (degenerate + factor * (f32::from(level) - degenerate)).clamp(0.0, 255.0).trunc();
    // From 2^23 on, the lowest bit of a float counts ones. `as u8` gives the same, but is not
    // vectorised.
    (blended + 8_388_608.0).to_bits() as u8
}

/// Returns the grey by ITU-R 601's weights, in 16-bit fixed point as Pillow's mode `L`.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}
