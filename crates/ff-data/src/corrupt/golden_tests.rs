//! Compares every corruption with imagecorruptions (`tests/golden/corrupt/make.py`).

use safetensors::SafeTensors;

use super::Corruption;
use crate::image::Image;
use crate::random::stream;

const BYTES: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/corrupt/golden.safetensors"));
const SIDE: usize = 224;
const CORNER: usize = 32;

/// Draws the image that the script corrupts.
fn picture() -> Image {
    let value = |x: usize, y: usize, channel: usize| {
        let wave = 2 * ((x + 2 * y + 30 * channel) % 120).abs_diff(60);
        let bands = (channel + 2) * x * y % 4001 / 100;
        let texture = (7 * x + 13 * y + 5 * channel) % 11 * 3;
        let inside = (x % 40).abs_diff(14).pow(2) + (y % 50).abs_diff(16).pow(2) < 81;
        (20 + wave + bands + texture + if inside { 60 } else { 0 }).min(255) as u8
    };
    let pixels = (0..SIDE * SIDE).map(|at| (at % SIDE, at / SIDE));
    let data = pixels.flat_map(|(x, y)| [0, 1, 2].map(|channel| value(x, y, channel))).collect();
    Image { width: SIDE as u32, height: SIDE as u32, data }
}

fn corrupted(corruption: Corruption, severity: u8) -> Image {
    let mut image = picture();
    corruption.apply(&mut image, severity, &mut stream(0, "golden", &[]));
    image
}

fn numbers(golden: &SafeTensors<'_>, name: &str) -> [f64; 3] {
    let tensor = golden.tensor(name).unwrap();
    let (numbers, _) = tensor.data().as_chunks::<8>();
    std::array::from_fn(|channel| f64::from_le_bytes(numbers[channel]))
}

/// Returns the mean of each channel.
fn means(values: &[f64]) -> [f64; 3] {
    let of = |channel| values.iter().skip(channel).step_by(3).sum::<f64>() / (values.len() / 3) as f64;
    [of(0), of(1), of(2)]
}

#[track_caller]
fn close(found: [f64; 3], expected: [f64; 3], tolerance: f64) {
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= tolerance);
    assert!(near, "expected {expected:?}, found {found:?}");
}

/// Compares the corner's pixels by their worst and their mean difference, and the channels' means.
#[track_caller]
fn compare(corruption: Corruption, severity: u8, worst: u8, mean: f64, means_within: f64) {
    let golden = SafeTensors::deserialize(BYTES).unwrap();
    let name = format!("{corruption}-{severity}");
    let found = corrupted(corruption, severity);
    let corner: Vec<u8> =
        found.data.chunks_exact(SIDE * 3).take(CORNER).flat_map(|row| &row[..CORNER * 3]).copied().collect();
    let expected = golden.tensor(&name).unwrap();
    let differences: Vec<u8> = corner.iter().zip(expected.data()).map(|(a, b)| a.abs_diff(*b)).collect();
    assert_eq!(differences.len(), CORNER * CORNER * 3);
    let most = *differences.iter().max().unwrap();
    let average = differences.iter().map(|&value| f64::from(value)).sum::<f64>() / differences.len() as f64;
    assert!(most <= worst && average <= mean, "{name}: at most {most}, on average {average}");
    let values: Vec<f64> = found.data.iter().map(|&value| f64::from(value)).collect();
    close(means(&values), numbers(&golden, &format!("{name}/means")), means_within);
}

#[test]
fn contrast_is_equal_to_rounding() {
    (1..=5).for_each(|severity| compare(Corruption::Contrast, severity, 1, 0.01, 0.01));
}

#[test]
fn jpeg_is_close_to_pillows() {
    // Where a coefficient is half-way between two steps, the encoders round differently.
    (1..=5).for_each(|severity| compare(Corruption::Jpeg, severity, 40, 2.5, 1.0));
}

#[test]
fn blur_is_close_and_keeps_the_brightness() {
    for severity in 1..=5 {
        // The package's kernels of the last two severities sum to 1.01.
        let brighter = if severity < 4 { 0.1 } else { 2.0 };
        compare(Corruption::DefocusBlur, severity, 4, 2.0, brighter);
    }
}

#[test]
fn noise_has_the_same_mean_and_deviation() {
    let golden = SafeTensors::deserialize(BYTES).unwrap();
    let clean = picture();
    for severity in 1..=5 {
        let name = format!("gaussian-noise-{severity}");
        let found = corrupted(Corruption::GaussianNoise, severity);
        let difference: Vec<f64> =
            found.data.iter().zip(&clean.data).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
        let mean = means(&difference);
        let squares: Vec<f64> = difference.iter().map(|value| value * value).collect();
        let deviation = std::array::from_fn(|at| (means(&squares)[at] - mean[at] * mean[at]).sqrt());
        // Five standard errors of the difference between two draws of SIDE x SIDE values.
        let expected = numbers(&golden, &format!("{name}/deviations"));
        let tolerance = 5.0 * std::f64::consts::SQRT_2 * expected[0] / SIDE as f64;
        close(mean, numbers(&golden, &format!("{name}/means")), tolerance);
        close(deviation, expected, tolerance);
    }
}
