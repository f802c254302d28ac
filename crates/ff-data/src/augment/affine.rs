//! Affine maps, bilinear, as Pillow's `Image.transform(AFFINE)`.

use crate::Image;

/// Maps an output point to the input point it shows: `[a, b, c, d, e, f]` is `(a x + b y + c, d x + e y + f)`. Points
/// are in pixels from the upper left corner, so a pixel's middle is at a half.
pub(super) type Inverse = [f64; 6];

/// Slants rows: the row at height `y` moves left by `slope * y`; the top edge stays.
pub(super) fn shear_x(slope: f64) -> Inverse {
    [1.0, slope, 0.0, 0.0, 1.0, 0.0]
}

/// Slants columns: the column at `x` moves up by `slope * x`; the left edge stays.
pub(super) fn shear_y(slope: f64) -> Inverse {
    [1.0, 0.0, 0.0, slope, 1.0, 0.0]
}

/// Moves right by `x` and down by `y` pixels.
pub(super) fn translate(x: f64, y: f64) -> Inverse {
    [1.0, 0.0, -x, 0.0, 1.0, -y]
}

/// Turns counter-clockwise by `degrees` about the middle of `image`.
pub(super) fn rotate(degrees: f64, image: &Image) -> Inverse {
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let (x, y) = (f64::from(image.width) / 2.0, f64::from(image.height) / 2.0);
    [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y]
}

/// Input points are fixed-point numbers with this many bits after the point: steps of such a number across a row drift
/// by less than a millionth of a pixel.
const POINT_BITS: u32 = 32;
/// Bits of the weight along one axis: a level times the weights of both axes fits in 32 bits.
const WEIGHT_BITS: u32 = 11;

/// `image` under the map; what comes from outside it becomes `fill`. Edge pixels reach half a pixel outwards.
pub(super) fn transform(image: &mut Image, [a, b, c, d, e, f]: Inverse, fill: [u8; 3]) {
    let one = f64::from(POINT_BITS).exp2();
    let (step_x, step_y) = ((a * one).round() as i64, (d * one).round() as i64);
    let (end_x, end_y) = (i64::from(image.width) << POINT_BITS, i64::from(image.height) << POINT_BITS);
    let (pixels, _) = image.data.as_chunks::<3>();
    let size = [image.width, image.height];
    let mut out = fill.repeat(pixels.len());
    for (row, out) in (0..image.height).zip(out.chunks_exact_mut(image.width as usize * 3)) {
        let middle = f64::from(row) + 0.5;
        let mut x = ((a * 0.5 + b * middle + c) * one).round() as i64;
        let mut y = ((d * 0.5 + e * middle + f) * one).round() as i64;
        let (out, _) = out.as_chunks_mut::<3>();
        for pixel in out {
            if (0..end_x).contains(&x) && (0..end_y).contains(&y) {
                *pixel = bilinear(pixels, size, x, y);
            }
            x += step_x;
            y += step_y;
        }
    }
    image.data = out;
}

/// The colour at a point inside a picture, cut down to whole levels.
fn bilinear(pixels: &[[u8; 3]], [width, height]: [u32; 2], x: i64, y: i64) -> [u8; 3] {
    let (left, right, weight_x) = neighbours(x, width);
    let (top, bottom, weight_y) = neighbours(y, height);
    let stride = width as usize;
    let (top, bottom) = (top * stride, bottom * stride);
    let corners = [top + left, top + right, bottom + left, bottom + right].map(|at| pixels[at]);
    let (rest_x, rest_y) = ((1 << WEIGHT_BITS) - weight_x, (1 << WEIGHT_BITS) - weight_y);
    let weights = [rest_x * rest_y, weight_x * rest_y, rest_x * weight_y, weight_x * weight_y];
    std::array::from_fn(|channel| {
        let weighted =
            corners.iter().zip(weights).map(|(corner, weight)| u32::from(corner[channel]) * weight);
        (weighted.sum::<u32>() >> (2 * WEIGHT_BITS)) as u8
    })
}

/// The pixels whose middles lie on either side of `point` along an axis of `length` pixels, the edge one twice beyond
/// the last middle, and the weight of the second.
fn neighbours(point: i64, length: u32) -> (usize, usize, u32) {
    let from_middle = point - (1 << (POINT_BITS - 1));
    let first = from_middle >> POINT_BITS;
    let fraction = from_middle & ((1 << POINT_BITS) - 1);
    let last = i64::from(length) - 1;
    let weight = (fraction >> (POINT_BITS - WEIGHT_BITS)) as u32;
    (first.clamp(0, last) as usize, (first + 1).clamp(0, last) as usize, weight)
}
