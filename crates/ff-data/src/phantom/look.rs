//! Photographs a scene: exposure, colour cast, blur and noise.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, normal};
use crate::image::Image;

/// Photographs a scene with random exposure; the shifted twin has another, worse device.
pub fn photograph(scene: &Canvas, shifted: bool, grey: bool, rng: &mut ChaCha8Rng) -> Image {
    let (contrast, brightness, blurring, noise) = if shifted {
        (0.6..0.95, -0.06..0.12, 0.2..0.7, 0.03..0.075)
    } else {
        (0.75..1.15, -0.08..0.08, 0.0..0.5, 0.02..0.06)
    };
    // The other device has a colour cast.
    let center = if shifted && !grey { [0.04, 0.0, -0.04] } else { [0.0; 3] };
    let contrast: f32 = rng.random_range(contrast);
    let brightness: f32 = rng.random_range(brightness);
    let cast: [f32; 3] = center.map(|c| if grey { c } else { c + rng.random_range(-0.05..0.05) });
    // Weight of the mean of the neighbours against the pixel itself, along each axis.
    let weight: f32 = rng.random_range(blurring);
    let noise: f32 = rng.random_range(noise);
    let mut data = Vec::with_capacity(scene.pixels.len() * 3);
    for value in blur(scene, weight) {
        let shared = normal(rng);
        for (c, channel) in value.into_iter().enumerate() {
            let grain = if grey { shared } else { 0.7 * shared + 0.7 * normal(rng) };
            let level = (channel - 0.5) * contrast + 0.5 + brightness + cast[c];
            data.push(((level + grain * noise) * 255.0).round() as u8);
        }
    }
    Image { width: scene.side as u32, height: scene.side as u32, data }
}

/// Blends each pixel with the mean of its neighbours. Their distance is proportional to the image
/// size.
fn blur(scene: &Canvas, weight: f32) -> Vec<[f32; 3]> {
    let side = scene.side;
    let step = (side / 32).max(1);
    let mean = |pixels: &[[f32; 3]], across: bool| -> Vec<[f32; 3]> {
        let at = |row: usize, column: usize, c: usize| pixels[row * side + column][c];
        let value = |i: usize| {
            let (row, column) = (i / side, i % side);
            let (place, limit) = (if across { column } else { row }, side - 1);
            let (before, after) = (place.saturating_sub(step), (place + step).min(limit));
            std::array::from_fn(|c| {
                let (b, a) = match across {
                    true => (at(row, before, c), at(row, after, c)),
                    false => (at(before, column, c), at(after, column, c)),
                };
                let here = at(row, column, c);
                here + ((a + b + here) / 3.0 - here) * weight
            })
        };
        (0..side * side).map(value).collect()
    };
    mean(&mean(&scene.pixels, true), false)
}
