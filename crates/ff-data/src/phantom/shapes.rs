//! Draws six geometric forms among distractors.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use strum::VariantArray;

use super::canvas::{Canvas, Noise, Rgb, color, direction, edge, normal, turn};
use super::forms::Form;

/// Names of the classes.
pub const CLASSES: [&str; 6] = ["disc", "square", "triangle", "ring", "cross", "star"];

/// Draws one form on a mottled ground, with strokes in front of and behind it.
pub fn draw(canvas: &mut Canvas, class: usize, shifted: bool, rng: &mut ChaCha8Rng) {
    ground(canvas, shifted, rng);
    for _ in 0..rng.random_range(0..3) {
        stroke(canvas, rng);
    }
    figure(canvas, Form::VARIANTS[class], rng);
    if rng.random_bool(0.3) {
        stroke(canvas, rng);
    }
}

/// Draws a coloured ground with coarse and fine mottling.
pub fn ground(canvas: &mut Canvas, shifted: bool, rng: &mut ChaCha8Rng) {
    let (low, high, mottling) = if shifted { (0.15, 0.6, 0.25) } else { (0.25, 0.75, 0.18) };
    let base = color(rng, low, high);
    let (coarse, fine) = (Noise::new(rng, 3), Noise::new(rng, 9));
    let tint = color(rng, 0.3, 1.0);
    canvas.fill(|x, y| {
        let level = mottling * (coarse.at(x, y) + 0.5 * fine.at(x, y));
        std::array::from_fn(|c| base[c] + tint[c] * level)
    });
}

/// Draws a slightly rotated form of random size and place, sometimes of low contrast.
pub fn figure(canvas: &mut Canvas, form: Form, rng: &mut ChaCha8Rng) {
    let center = [rng.random_range(-0.3..0.3), rng.random_range(-0.3..0.3)];
    let tilt = 0.35 * normal(rng);
    let turned = [tilt.cos(), tilt.sin()];
    let radius: f32 = rng.random_range(0.4..0.75);
    let stretch: f32 = rng.random_range(0.85..1.18);
    let paint = paint(form, rng);
    let opacity = rng.random_range(0.65..1.0);
    let soft = canvas.pixel() * 1.5;
    canvas.stamp(center, radius * 1.7, paint, |dx, dy| {
        let [x, y] = turn(turned, dx, dy);
        let distance = form.distance(x / (radius * stretch), y * stretch / radius) * radius;
        opacity * edge(distance, soft)
    });
}

/// Draws a colour; each form has some colours more often than others.
fn paint(form: Form, rng: &mut ChaCha8Rng) -> Rgb {
    let usual = (form as usize as f32 / 6.0 + 0.12 * normal(rng)) * std::f32::consts::TAU;
    let level = rng.random_range(0.2..0.9);
    let any = color(rng, -0.2, 0.2);
    std::array::from_fn(|c| level + any[c] + 0.3 * (usual + c as f32 * 2.1).cos())
}

/// Draws a straight bar across part of the image.
fn stroke(canvas: &mut Canvas, rng: &mut ChaCha8Rng) {
    let center = [rng.random_range(-0.9..0.9), rng.random_range(-0.9..0.9)];
    let (length, width) = (rng.random_range(0.2..0.7), rng.random_range(0.03..0.12));
    let (turned, paint) = (direction(rng), color(rng, 0.0, 1.0));
    let soft = canvas.pixel() * 1.5;
    canvas.stamp(center, length + width, paint, |dx, dy| {
        let [x, y] = turn(turned, dx, dy);
        0.8 * edge((x.abs() - length).max(y.abs() - width), soft)
    });
}
