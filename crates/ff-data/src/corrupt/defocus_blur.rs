//! The blur of a lens out of focus.

use crate::image::Image;

/// Points along a side of a pixel, at which the disk's share of the pixel is measured.
const POINTS: i32 = 16;

/// Averages over a disk of `radius` pixels, whose edge is smoothed by a Gaussian of `sigma` pixels.
/// Beyond its border an image is mirrored, without repeating the pixels of the border.
///
/// A pixel counts by its share of the disk, so the radius need not be whole; below half a pixel
/// nothing changes. imagecorruptions takes the whole pixels whose centres are in the disk: at whole
/// radii images differ by less than half a grey level on average. Its kernels for radii of 8 and 10 pixels sum to 1.01, as their smoothing is
/// cut off, and so brighten an image by 1 %; this one sums to 1.
pub fn defocus_blur(image: &mut Image, radius: f64, sigma: f64) {
    let (reach, kernel) = kernel(radius, sigma);
    let side = 2 * reach + 1;
    let (width, height) = (image.width as usize, image.height as usize);
    let row_bytes = width * 3;
    let columns: Vec<usize> = (0..width + 2 * reach).map(|x| mirrored(x, reach, width)).collect();
    let rows: Vec<Vec<f32>> = (image.data.chunks_exact(row_bytes))
        .map(|row| columns.iter().flat_map(|x| &row[x * 3..][..3]).map(|&value| f32::from(value)).collect())
        .collect();
    let mut sums = vec![0.0f32; row_bytes];
    for (y, out) in image.data.chunks_exact_mut(row_bytes).enumerate() {
        sums.fill(0.0);
        for (dy, weights) in kernel.chunks_exact(side).enumerate() {
            let row = &rows[mirrored(y + dy, reach, height)];
            for (dx, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                sums.iter_mut().zip(&row[dx * 3..]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        // The cast cuts off the fraction. Rounding errors must not make 199 of 200.
        out.iter_mut().zip(&sums).for_each(|(value, sum)| *value = (sum + 1e-3) as u8);
    }
}

/// Returns the position in an image of `length` pixels of the pixel at `at - reach`.
fn mirrored(at: usize, reach: usize, length: usize) -> usize {
    let period = (2 * length - 2).max(1) as isize;
    let at = (at as isize - reach as isize).rem_euclid(period);
    at.min(period - at) as usize
}

/// Returns the kernel, and how many pixels it reaches to each side.
fn kernel(radius: f64, sigma: f64) -> (usize, Vec<f32>) {
    let blur_reach = (3.0 * sigma).ceil() as i32;
    let reach = (radius - 0.5).max(0.0).ceil() as i32 + blur_reach;
    let side = (2 * reach + 1) as usize;
    let gauss = |at: i32| (-0.5 * (f64::from(at) / sigma).powi(2)).exp();
    let mut kernel = vec![0.0; side * side];
    for y in -reach + blur_reach..=reach - blur_reach {
        for x in -reach + blur_reach..=reach - blur_reach {
            let share = points_inside(x, y, radius) as f64;
            for dy in -blur_reach..=blur_reach {
                for dx in -blur_reach..=blur_reach {
                    let at = (y + dy + reach) as usize * side + (x + dx + reach) as usize;
                    kernel[at] += share * gauss(dx) * gauss(dy);
                }
            }
        }
    }
    let sum: f64 = kernel.iter().sum();
    (reach as usize, kernel.iter().map(|weight| (weight / sum) as f32).collect())
}

/// Counts the points of a pixel that are inside the disk.
fn points_inside(x: i32, y: i32, radius: f64) -> usize {
    let position = |pixel: i32, point| f64::from(pixel) + (f64::from(point) + 0.5) / f64::from(POINTS) - 0.5;
    let points = (0..POINTS).flat_map(|j| (0..POINTS).map(move |i| (i, j)));
    points.filter(|&(i, j)| position(x, i).hypot(position(y, j)) <= radius).count()
}
