//! Draws the chest on which opacities and findings are drawn.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, Noise, edge};

/// The places of the organs of one patient.
pub struct Chest {
    /// Centres of the lungs, the left one of the image first.
    pub lungs: [[f32; 2]; 2],
    /// Half width and half height of a lung.
    pub size: [f32; 2],
    /// Centre of the heart.
    pub heart: [f32; 2],
}

impl Chest {
    /// Draws a chest: dark lungs behind ribs, and a bright heart between them.
    pub fn draw(canvas: &mut Canvas, shifted: bool, rng: &mut ChaCha8Rng) -> Self {
        let mut jitter = |reach: f32| rng.random_range(-reach..reach);
        let [x, y] = [jitter(0.12), jitter(0.12)];
        let size = [0.33 + jitter(0.05), 0.66 + jitter(0.1)];
        let apart = 0.45 + jitter(0.04);
        let chest = Self {
            lungs: [[x - apart, y + jitter(0.05)], [x + apart, y + jitter(0.05)]],
            size,
            heart: [x + 0.1 + jitter(0.04), y + 0.28 + jitter(0.05)],
        };
        let (tissue, air) = if shifted { (0.74, 0.29) } else { (0.66, 0.24) };
        let (coarse, fine) = (Noise::new(rng, 4), Noise::new(rng, 12));
        let lung = |x: f32, y: f32, [cx, cy]: [f32; 2]| {
            edge(((x - cx) / size[0]).hypot((y - cy) / size[1]) - 1.0, 0.35)
        };
        let spacing = rng.random_range(18.0..24.0f32);
        let ribs = rng.random_range(0.03..0.08f32);
        let [left, right] = chest.lungs;
        canvas.fill(|x, y| {
            let inside = lung(x, y, left).max(lung(x, y, right));
            let rib = ribs * ((y + 0.35 * x * x) * spacing).sin();
            let level = tissue - 0.12 * y.abs() + (air - tissue) * inside + rib;
            [level + 0.07 * coarse.at(x, y) + 0.05 * fine.at(x, y); 3]
        });
        let reach = rng.random_range(0.26..0.34f32);
        canvas.shine(chest.heart, 0.5, |dx, dy| 0.28 * edge(dx.hypot(dy * 0.9) - reach, 0.16));
        chest
    }

    /// Draws a place well inside a lung, at a relative height of `top` to `bottom` (-1 to 1).
    pub fn place(&self, side: usize, top: f32, bottom: f32, rng: &mut ChaCha8Rng) -> [f32; 2] {
        let [x, y] = self.lungs[side];
        let across = rng.random_range(-0.45..0.45f32);
        [x + across * self.size[0], y + rng.random_range(top..bottom) * self.size[1]]
    }
}
