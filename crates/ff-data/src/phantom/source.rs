//! Draws a source domain: forms and textures of no particular field.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use strum::VariantArray;

use super::canvas::{Canvas, Noise, color, direction, edge, turn};
use super::forms::Form;
use super::shapes::{figure, ground};

/// Names of the classes: six forms, six textures.
pub const CLASSES: [&str; 12] = [
    "disc", "square", "triangle", "ring", "cross", "star", "stripes", "checks", "dots", "ripples",
    "blotches", "fog",
];

/// Draws a form on a mottled ground, or a texture that varies in opacity.
pub fn draw(canvas: &mut Canvas, class: usize, shifted: bool, rng: &mut ChaCha8Rng) {
    ground(canvas, shifted, rng);
    match Form::VARIANTS.get(class) {
        Some(form) => figure(canvas, *form, rng),
        None => texture(canvas, class - Form::VARIANTS.len(), rng),
    }
}

fn texture(canvas: &mut Canvas, kind: usize, rng: &mut ChaCha8Rng) {
    let turned = direction(rng);
    let waves = rng.random_range(7.0..13.0f32);
    let [left, up] = [rng.random_range(-0.6..0.6f32), rng.random_range(-0.6..0.6f32)];
    let (paint, opacity) = (color(rng, 0.0, 1.0), rng.random_range(0.6..0.95f32));
    let patches = Noise::new(rng, 3);
    let lattice = Noise::new(rng, if kind == 4 { 7 } else { 2 });
    let soft = 1.0;
    canvas.stamp([0.0; 2], 1.0, paint, |dx, dy| {
        let [x, y] = turn(turned, dx - left, dy - up);
        let (wave_x, wave_y) = ((x * waves).sin(), (y * waves).sin());
        let level = match kind {
            0 => edge(-wave_x, soft),
            1 => edge(-wave_x * wave_y, soft * 0.5),
            2 => edge(0.9 - wave_x - wave_y, soft),
            3 => edge(-(x.hypot(y) * waves).sin(), soft),
            4 => edge(-lattice.at(dx, dy), 0.3),
            _ => edge(-lattice.at(dx, dy), 2.0),
        };
        opacity * level * (0.65 + 0.35 * patches.at(dx, dy))
    });
}
