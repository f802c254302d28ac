//! Loops over vectors, which are compiled for AVX2 as well. Each result is the same to the bit.

use multiversion::multiversion;

/// Reads 32-bit floats into as many numbers.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn widen_f32(data: &[u8], values: &mut [f64]) {
    for (room, element) in values.iter_mut().zip(data.as_chunks().0) {
        *room = f32::from_le_bytes(*element).into();
    }
}

/// Writes the magnitudes of the differences of 32-bit floats, as their bits.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn magnitudes_f32(a: &[u8], b: &[u8], magnitudes: &mut [i32]) {
    for (room, (a, b)) in magnitudes.iter_mut().zip(a.as_chunks().0.iter().zip(b.as_chunks().0)) {
        *room = (f32::from_le_bytes(*a) - f32::from_le_bytes(*b)).abs().to_bits().cast_signed();
    }
}

/// Adds a vector.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn add(sums: &mut [f64], vector: &[f64]) {
    sums.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
}

/// Adds a vector times a factor.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn add_scaled(sums: &mut [f64], factor: f64, vector: &[f64]) {
    sums.iter_mut().zip(vector).for_each(|(sum, value)| *sum += factor * value);
}

/// Adds the difference of two vectors times a factor.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn add_difference(sums: &mut [f64], factor: f64, a: &[f64], b: &[f64]) {
    for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
        *sum += factor * (a - b);
    }
}

/// The inner product.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    eight_sums(a, b, |a, b| a * b)
}

/// The squared distance.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    eight_sums(a, b, |a, b| (a - b) * (a - b))
}

/// Adds up terms as eight sums: one would wait for each addition.
#[inline(always)]
fn eight_sums(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += term(*a, *b));
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| term(*a, *b)).sum::<f64>()
}
