//! Affine maps with bilinear sampling, as Pillow's `Image.transform(AFFINE)`.

use std::iter::repeat_n;
use std::ops::Range;

use multiversion::multiversion;

use crate::image::Image;

/// Maps an output point to an input point: `[a, b, c, d, e, f]` is
/// `(a x + b y + c, d x + e y + f)`. Points are in pixels from the upper left corner, so the centre
/// of a pixel is at a half.
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

/// Rotates counter-clockwise by `degrees` about the centre of `image`.
pub(super) fn rotate(degrees: f64, image: &Image) -> Inverse {
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let (x, y) = (f64::from(image.width) / 2.0, f64::from(image.height) / 2.0);
    [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y]
}

/// Fraction bits of input points, which are fixed-point numbers: adding up steps across a row
/// drifts by less than a millionth of a pixel.
const POINT_BITS: u32 = 32;
/// The side of a pixel.
const ONE: i64 = 1 << POINT_BITS;
/// Bits of the weight along one axis: a level times the weights of both axes fits in 32 bits.
const WEIGHT_BITS: u32 = 11;
/// Pixels that [`slanted`] computes at a time, a multiple of any vector register's.
const BLOCK: usize = 16;

/// Transforms `image`; points outside the image become `fill`. Edge pixels extend half a pixel
/// outwards.
pub(super) fn transform(image: &mut Image, [a, b, c, d, e, f]: Inverse, fill: [u8; 3]) {
    let fixed = |number: f64| (number * ONE as f64).round() as i64;
    let step = [fixed(a), fixed(d)];
    let source = Source { levels: &image.data, size: [image.width, image.height] };
    let mut out = Vec::with_capacity(image.data.len());
    for row in 0..image.height {
        let middle = f64::from(row) + 0.5;
        let start = [fixed(a * 0.5 + b * middle + c), fixed(d * 0.5 + e * middle + f)];
        let at = |column: usize| [0, 1].map(|axis| start[axis] + column as i64 * step[axis]);
        // From left to right: outside, at an edge, well inside, at an edge, outside.
        let inside = source.columns([0, 0], [0, 0], start, step);
        let within = source.columns([ONE / 2; 2], [ONE / 2, ONE / 2 + ONE], start, step);
        let within = if within.is_empty() { inside.end..inside.end } else { within };
        out.extend(repeat_n(fill, inside.start).flatten());
        out.extend((inside.start..within.start).flat_map(|column| source.bilinear(at(column))));
        let from = out.len();
        out.resize(from + within.len() * 3, 0);
        match step {
            _ if within.is_empty() => {}
            [ONE, 0] => level(&source, at(within.start), &mut out[from..]),
            _ => slanted(&source, at(within.start), step, &mut out[from..]),
        }
        out.extend((within.end..inside.end).flat_map(|column| source.bilinear(at(column))));
        out.extend(repeat_n(fill, image.width as usize - inside.end).flatten());
    }
    image.data = out;
}

/// The input image. Points are `[x, y]`.
struct Source<'a> {
    levels: &'a [u8],
    size: [u32; 2],
}

impl Source<'_> {
    /// Returns the columns of a row whose points are inside the image, with a margin.
    ///
    /// Points are at least `before` from the left and upper edge and at least `after` from the
    /// right and lower edge. The points of the row begin at `start`, in steps of `step`.
    fn columns(&self, before: [i64; 2], after: [i64; 2], start: [i64; 2], step: [i64; 2]) -> Range<usize> {
        let [x, y] = [0, 1].map(|axis| {
            let range = before[axis]..i64::from(self.size[axis]) * ONE - after[axis];
            steps_into(range, start[axis], step[axis], self.size[0] as usize)
        });
        let first = x.start.max(y.start);
        first..x.end.min(y.end).max(first)
    }

    /// Returns the colour at a point inside the image, truncated to whole levels.
    fn bilinear(&self, [x, y]: [i64; 2]) -> [u8; 3] {
        let (pixels, _) = self.levels.as_chunks::<3>();
        // Beyond the centre of the last pixel, that pixel counts twice.
        let clamp = |at: i64, axis: usize| at.clamp(0, i64::from(self.size[axis]) - 1) as usize;
        let ((left, weight_x), (top, weight_y)) = (split(x), split(y));
        let rows = [top, top + 1].map(|row| clamp(row, 1) * self.size[0] as usize);
        let [top, bottom] = rows.map(|row| [left, left + 1].map(|column| pixels[row + clamp(column, 0)]));
        std::array::from_fn(|channel| {
            let corners = [top, bottom].map(|row| row.map(|pixel| pixel[channel].into()));
            between(corners, [weight_x, weight_y]) as u8
        })
    }
}

/// Returns which of `count` points, from `start` in steps of `step`, are in `range`.
fn steps_into(range: Range<i64>, start: i64, step: i64, count: usize) -> Range<usize> {
    match step {
        0 if range.contains(&start) => 0..count,
        0 => 0..0,
        // Mirrored, the same with a positive step.
        ..0 => steps_into(1 - range.end..1 - range.start, -start, -step, count),
        1.. => {
            let first =
                |bound: i64| (bound - start + step - 1).div_euclid(step).clamp(0, count as i64) as usize;
            first(range.start)..first(range.end)
        }
    }
}

/// Returns the last pixel whose centre is not beyond `point`, and the weight of the next pixel.
#[inline]
fn split(point: i64) -> (i64, i32) {
    let from_middle = point - ONE / 2;
    (from_middle >> POINT_BITS, ((from_middle & (ONE - 1)) >> (POINT_BITS - WEIGHT_BITS)) as i32)
}

/// Interpolates from `a` (weight 0) towards `b`; the result is scaled by the full weight.
#[inline]
fn lerp(a: i32, b: i32, weight: i32) -> i32 {
    (a << WEIGHT_BITS) + (b - a) * weight
}

/// Interpolates between `[[left, right], [left below, right below]]`, truncated to a whole level.
#[inline]
fn between([above, below]: [[i32; 2]; 2], [weight_x, weight_y]: [i32; 2]) -> i32 {
    let above = lerp(above[0], above[1], weight_x);
    let below = lerp(below[0], below[1], weight_x);
    lerp(above, below, weight_y) >> (2 * WEIGHT_BITS)
}

/// Fills `out` with the colours at points a pixel apart, all on one row and well inside.
#[multiversion(targets("x86_64+avx2"))]
fn level(source: &Source<'_>, [x, y]: [i64; 2], out: &mut [u8]) {
    let ((column, weight_x), (row, weight_y)) = (split(x), split(y));
    let stride = source.size[0] as usize * 3;
    let at = row as usize * stride + column as usize * 3;
    let [top, bottom] = [at, at + stride].map(|at| &source.levels[at..at + out.len() + 3]);
    match [weight_x, weight_y] {
        [0, 0] => out.copy_from_slice(&top[..out.len()]),
        [_, 0] => {
            for ((out, left), right) in out.iter_mut().zip(top).zip(&top[3..]) {
                *out = (lerp((*left).into(), (*right).into(), weight_x) >> WEIGHT_BITS) as u8;
            }
        }
        _ => {
            let corners = top.iter().zip(&top[3..]).zip(bottom).zip(&bottom[3..]);
            for (out, (((left, right), below_left), below_right)) in out.iter_mut().zip(corners) {
                let above = [(*left).into(), (*right).into()];
                let below = [(*below_left).into(), (*below_right).into()];
                *out = between([above, below], [weight_x, weight_y]) as u8;
            }
        }
    }
}

/// Fills `out` with the colours at points from `start` on, all well inside.
#[multiversion(targets("x86_64+avx2"))]
fn slanted(source: &Source<'_>, start: [i64; 2], step: [i64; 2], out: &mut [u8]) {
    let ([mut x, mut y], stride) = (start, source.size[0] as usize * 3);
    let (pixels, _) = out.as_chunks_mut::<3>();
    for block in pixels.chunks_mut(BLOCK) {
        // Pixels are looked up one after the other, then many are computed at once. The lowest
        // three bytes of a corner are a pixel.
        let mut corners = [[0_u32; BLOCK]; 4];
        let mut weights = [[0_i32; BLOCK]; 2];
        for i in 0..block.len() {
            let ((column, weight_x), (row, weight_y)) = (split(x), split(y));
            let at = row as usize * stride + column as usize * 3;
            let above = two_pixels(source.levels, at);
            let below = two_pixels(source.levels, at + stride);
            corners[0][i] = above as u32;
            corners[1][i] = (above >> 24) as u32;
            corners[2][i] = below as u32;
            corners[3][i] = (below >> 24) as u32;
            weights[0][i] = weight_x;
            weights[1][i] = weight_y;
            x += step[0];
            y += step[1];
        }
        let mut colours = [0_u32; BLOCK];
        for shift in [0, 8, 16] {
            for i in 0..BLOCK {
                let above = [byte(corners[0][i], shift), byte(corners[1][i], shift)];
                let below = [byte(corners[2][i], shift), byte(corners[3][i], shift)];
                colours[i] |= (between([above, below], [weights[0][i], weights[1][i]]) as u32) << shift;
            }
        }
        for (pixel, colour) in block.iter_mut().zip(colours) {
            pixel.copy_from_slice(&colour.to_le_bytes()[..3]);
        }
    }
}

/// Returns the pixel at byte `at`, the next pixel, and two more bytes.
#[inline]
fn two_pixels(levels: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(levels[at..at + 8].try_into().expect("eight bytes"))
}

#[inline]
fn byte(pixel: u32, shift: u32) -> i32 {
    (pixel >> shift & 0xff) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use proptest::prelude::*;
    use rand::Rng;

    /// Transforms one pixel at a time, as the reference for [`transform`].
    fn slowly(image: &Image, [a, b, c, d, e, f]: Inverse, fill: [u8; 3]) -> Vec<u8> {
        let fixed = |number: f64| (number * ONE as f64).round() as i64;
        let source = Source { levels: &image.data, size: [image.width, image.height] };
        let pixel = |row: u32, column: u32| {
            let middle = f64::from(row) + 0.5;
            let x = fixed(a * 0.5 + b * middle + c) + i64::from(column) * fixed(a);
            let y = fixed(d * 0.5 + e * middle + f) + i64::from(column) * fixed(d);
            let inside = |point: i64, side: u32| (0..i64::from(side) << POINT_BITS).contains(&point);
            if inside(x, image.width) && inside(y, image.height) { source.bilinear([x, y]) } else { fill }
        };
        (0..image.height)
            .flat_map(|row| (0..image.width).flat_map(move |column| pixel(row, column)))
            .collect()
    }

    fn any_map() -> impl Strategy<Value = Inverse> {
        let turn = |degrees| rotate(degrees, &Image::filled(30, 20, [0; 3]));
        prop_oneof![
            (-1.0..1.0).prop_map(shear_x),
            (-1.0..1.0).prop_map(shear_y),
            (-40_i32..40, -40_i32..40).prop_map(|(x, y)| translate(f64::from(x) / 2.0, f64::from(y) / 2.0)),
            (-40.0..40.0, -40.0..40.0).prop_map(|(x, y)| translate(x, y)),
            (-180.0..180.0).prop_map(turn),
            (-4_i32..=4).prop_map(move |quarters| turn(f64::from(quarters) * 90.0)),
            prop::array::uniform6(-3.0..3.0),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn blocks_of_pixels_equal_single_pixels(width in 1u32..70, height in 1u32..40, map in any_map()) {
            let mut data = vec![0; width as usize * height as usize * 3];
            stream(4, "picture", &[width.into(), height.into()]).fill_bytes(&mut data);
            let mut image = Image { width, height, data };
            let expected = slowly(&image, map, [124, 116, 104]);
            transform(&mut image, map, [124, 116, 104]);
            prop_assert_eq!(image.data, expected);
        }
    }
}
