//! Draws kinds of skin lesions that differ in colour, border, texture and halo.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, Noise, Rgb, color, direction, edge, normal, turn};

/// The mean properties of a kind of lesion; each lesion varies around them.
pub struct LesionKind {
    /// Name of the class.
    pub name: &'static str,
    /// Frequency, up to a factor.
    pub weight: f64,
    /// Mean colour.
    color: Rgb,
    /// Irregularity of the border, relative to the radius.
    border: f32,
    /// Strength of the texture inside.
    texture: f32,
    /// Cells of the texture along a side of the image.
    grain: usize,
    /// Brightness of a ring around the lesion; negative is dark.
    halo: f32,
}

/// The classes. Their colours are similar, so that no single property identifies a class.
#[rustfmt::skip]
pub const KINDS: [LesionKind; 7] = [
    LesionKind { name: "nevus", weight: 0.60, color: [0.48, 0.30, 0.20], border: 0.08, texture: 0.06, grain: 6, halo: 0.00 },
    LesionKind { name: "melanoma", weight: 0.12, color: [0.38, 0.23, 0.19], border: 0.24, texture: 0.20, grain: 6, halo: 0.00 },
    LesionKind { name: "keratosis", weight: 0.11, color: [0.50, 0.36, 0.24], border: 0.10, texture: 0.22, grain: 13, halo: 0.02 },
    LesionKind { name: "carcinoma", weight: 0.06, color: [0.62, 0.38, 0.34], border: 0.16, texture: 0.10, grain: 8, halo: 0.14 },
    LesionKind { name: "actinic", weight: 0.05, color: [0.66, 0.40, 0.33], border: 0.22, texture: 0.16, grain: 13, halo: 0.00 },
    LesionKind { name: "vascular", weight: 0.03, color: [0.58, 0.20, 0.24], border: 0.10, texture: 0.08, grain: 5, halo: -0.04 },
    LesionKind { name: "fibroma", weight: 0.03, color: [0.56, 0.36, 0.28], border: 0.07, texture: 0.05, grain: 6, halo: -0.12 },
];

/// Draws a lesion on skin, sometimes under hairs.
pub fn draw(canvas: &mut Canvas, class: usize, shifted: bool, rng: &mut ChaCha8Rng) {
    skin(canvas, shifted, rng);
    lesion(canvas, &KINDS[class], rng);
    for _ in 0..rng.random_range(0..4) {
        hair(canvas, rng);
    }
}

fn skin(canvas: &mut Canvas, shifted: bool, rng: &mut ChaCha8Rng) {
    let tone = if shifted { rng.random_range(0.68..0.9) } else { rng.random_range(0.8..1.05) };
    let base = [0.86 * tone, 0.67 * tone, 0.58 * tone];
    let (coarse, fine) = (Noise::new(rng, 3), Noise::new(rng, 14));
    canvas.fill(|x, y| {
        let level = 1.0 + 0.06 * coarse.at(x, y) + 0.05 * fine.at(x, y);
        base.map(|channel| channel * level)
    });
}

fn lesion(canvas: &mut Canvas, kind: &LesionKind, rng: &mut ChaCha8Rng) {
    let center = [rng.random_range(-0.3..0.3), rng.random_range(-0.3..0.3)];
    let radius = rng.random_range(0.28..0.62f32);
    let (turned, stretch) = (direction(rng), rng.random_range(0.8..1.25f32));
    let scatter = |value: f32, rng: &mut ChaCha8Rng| value * (1.0 + 0.3 * normal(rng)).max(0.1);
    let border = scatter(kind.border, rng) * radius;
    let strength = scatter(kind.texture, rng);
    let halo = kind.halo + 0.025 * normal(rng);
    let shade = 0.07 * normal(rng);
    let scatter = color(rng, -0.05, 0.05);
    let paint: Rgb = std::array::from_fn(|c| kind.color[c] + shade + scatter[c]);
    let (outline, texture) = (Noise::new(rng, 7), Noise::new(rng, kind.grain));
    let soft = (radius * rng.random_range(0.15..0.4)).max(canvas.pixel());
    let distance = |dx: f32, dy: f32| {
        let [x, y] = turn(turned, dx, dy);
        let wobble = outline.at(center[0] + dx, center[1] + dy) * border * 1.6;
        (x / stretch).hypot(y * stretch) - radius + wobble
    };
    let reach = radius * 1.8 + 0.2;
    canvas.shine(center, reach, |dx, dy| halo * edge(distance(dx, dy).abs() - 0.12, 0.1));
    canvas.stamp(center, reach, paint, |dx, dy| 0.9 * edge(distance(dx, dy), soft));
    canvas.shine(center, reach, |dx, dy| {
        strength * texture.at(center[0] + dx, center[1] + dy) * edge(distance(dx, dy), soft)
    });
}

fn hair(canvas: &mut Canvas, rng: &mut ChaCha8Rng) {
    let turned = direction(rng);
    let [offset, bend] = [rng.random_range(-0.8..0.8f32), rng.random_range(-0.3..0.3f32)];
    let soft = canvas.pixel() * 1.5;
    canvas.stamp([0.0; 2], 1.0, [0.15, 0.10, 0.08], |dx, dy| {
        let [x, y] = turn(turned, dx, dy);
        0.7 * edge((y - offset - bend * x * x).abs() - 0.015, soft)
    });
}
