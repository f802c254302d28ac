//! Draws grades of disease as spots on a retina.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, Noise, Rgb, direction, edge, normal, turn};

/// Names of the classes, mild to severe.
pub const CLASSES: [&str; 5] = ["0", "1", "2", "3", "4"];

/// Frequency of each class: mostly healthy, as in a screening.
pub const WEIGHTS: [f64; 5] = [0.49, 0.10, 0.27, 0.06, 0.08];

/// Expected number of spots at each grade, interpolated between grades.
const SPOTS: [f32; 6] = [0.4, 3.0, 8.0, 15.0, 26.0, 40.0];

/// Draws a round fundus with vessels, optic disc and spots. Spots grow in number and size with the
/// grade.
pub fn draw(canvas: &mut Canvas, class: usize, shifted: bool, visibility: f32, rng: &mut ChaCha8Rng) {
    // Readers disagree on neighbouring grades, so the severity is near the grade, not equal to it.
    let severity = (class as f32 + 0.35 * normal(rng)).clamp(0.0, 4.5);
    fundus(canvas, shifted, rng);
    for _ in 0..rng.random_range(3..6) {
        vessel(canvas, rng);
    }
    optic_disc(canvas, rng);
    let below = severity as usize;
    let expected = SPOTS[below] + (SPOTS[below + 1] - SPOTS[below]) * severity.fract();
    let count = (expected * rng.random_range(0.75..1.3)).round() as usize;
    for _ in 0..count {
        // Exudates are bright and bleedings dark; exudates get more frequent with severity.
        let bright = rng.random_bool(0.15 + 0.08 * f64::from(severity));
        spot(canvas, (severity, visibility), bright, rng);
    }
}

fn fundus(canvas: &mut Canvas, shifted: bool, rng: &mut ChaCha8Rng) {
    let (red, surround) = if shifted { (0.5..0.75, 0.06) } else { (0.6..0.85, 0.02) };
    let base = [rng.random_range(red), rng.random_range(0.28..0.42), rng.random_range(0.10..0.22)];
    let mottling = Noise::new(rng, 6);
    let radius = rng.random_range(0.9..1.1);
    let soft = canvas.pixel() * 2.0;
    canvas.fill(|x, y| {
        let distance = x.hypot(y);
        let inside = edge(distance - radius, soft);
        let level = 1.1 - 0.35 * distance * distance + 0.10 * mottling.at(x, y);
        base.map(|channel| surround + (channel * level - surround) * inside)
    });
}

/// Draws a dark, bent line across the fundus.
fn vessel(canvas: &mut Canvas, rng: &mut ChaCha8Rng) {
    let turned = direction(rng);
    let [offset, bend] = [rng.random_range(-0.5..0.5f32), rng.random_range(-0.6..0.6f32)];
    let width = rng.random_range(0.02..0.05);
    let soft = canvas.pixel() * 1.5;
    canvas.stamp([0.0; 2], 1.0, [0.38, 0.10, 0.08], |dx, dy| {
        let [x, y] = turn(turned, dx, dy);
        0.55 * edge((y - offset - bend * x * x).abs() - width, soft)
    });
}

fn optic_disc(canvas: &mut Canvas, rng: &mut ChaCha8Rng) {
    let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let center = [side * rng.random_range(0.4..0.65), rng.random_range(-0.2..0.2)];
    let radius = rng.random_range(0.12..0.2);
    canvas.stamp(center, radius * 1.6, [0.95, 0.8, 0.5], |dx, dy| 0.85 * edge(dx.hypot(dy) - radius, 0.12));
}

fn spot(canvas: &mut Canvas, (severity, visibility): (f32, f32), bright: bool, rng: &mut ChaCha8Rng) {
    let [cos, sin] = direction(rng);
    let distance = 0.85 * rng.random::<f32>().sqrt();
    let radius = visibility * rng.random_range(0.03..0.055f32) * (1.0 + 0.12 * severity);
    let paint: Rgb = if bright { [0.95, 0.85, 0.45] } else { [0.30, 0.05, 0.05] };
    let opacity = rng.random_range(0.45..0.9);
    // A spot smaller than a pixel is fainter, but visible.
    let soft = (canvas.pixel() * 1.5).max(radius);
    let reach = radius + soft;
    canvas.stamp([cos * distance, sin * distance], reach, paint, |dx, dy| {
        opacity * edge(dx.hypot(dy) - radius, soft)
    });
}
