//! Draws lungs that are clear or have an opacity.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, Noise, edge};
use super::chest::Chest;

/// Names of the classes.
pub const CLASSES: [&str; 2] = ["clear", "opacity"];

/// Frequency of each class.
pub const WEIGHTS: [f64; 2] = [0.6, 0.4];

/// Draws a chest; in the second class with one or two cloudy patches in the lungs. Both classes
/// have distractors: shadows outside the lungs and small round shadows inside.
pub fn draw(canvas: &mut Canvas, class: usize, shifted: bool, visibility: f32, rng: &mut ChaCha8Rng) {
    let chest = Chest::draw(canvas, shifted, rng);
    for _ in 0..rng.random_range(0..4) {
        let side = rng.random_range(0..2);
        let place = chest.place(side, -0.7, 0.7, rng);
        let strength = rng.random_range(0.1..0.3);
        canvas.shine(place, 0.16, |dx, dy| strength * edge(dx.hypot(dy) - 0.05, 0.08));
    }
    if rng.random_bool(0.5) {
        let place = [rng.random_range(-0.9..0.9), if rng.random_bool(0.5) { -0.95 } else { 0.95 }];
        cloud(canvas, place, visibility, rng);
    }
    if class == 1 {
        for _ in 0..rng.random_range(1..3) {
            let side = rng.random_range(0..2);
            let place = chest.place(side, -0.5, 0.6, rng);
            cloud(canvas, place, visibility, rng);
        }
    }
}

/// Draws a patch without a border, mostly faint.
fn cloud(canvas: &mut Canvas, place: [f32; 2], visibility: f32, rng: &mut ChaCha8Rng) {
    let (radius, strength) = (rng.random_range(0.12..0.3f32), visibility * rng.random_range(0.06..0.28f32));
    let flat = rng.random_range(0.7..1.4f32);
    let mottling = Noise::new(rng, 9);
    canvas.shine(place, radius * 2.5, |dx, dy| {
        let fade = (dx * dx * flat + dy * dy / flat) / (radius * radius);
        strength * (-fade).exp() * (1.0 + 0.5 * mottling.at(place[0] + dx, place[1] + dy))
    });
}
