//! A floating-point image to draw on.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Red, green and blue, 0 to 1.
pub type Rgb = [f32; 3];

/// A square image. Coordinates run from -1 to 1, x to the right, y down, independently of its size
/// in pixels.
pub struct Canvas {
    /// Width and height in pixels.
    pub side: usize,
    /// Pixels in rows from the top.
    pub pixels: Vec<Rgb>,
}

impl Canvas {
    /// Creates a black canvas.
    pub fn new(side: u32) -> Self {
        let side = side as usize;
        Self { side, pixels: vec![[0.0; 3]; side * side] }
    }

    /// Returns the width of a pixel.
    pub fn pixel(&self) -> f32 {
        2.0 / self.side as f32
    }

    /// Replaces every pixel by a function of its place.
    pub fn fill(&mut self, color: impl Fn(f32, f32) -> Rgb) {
        let pixel = self.pixel();
        for (row, line) in self.pixels.chunks_exact_mut(self.side).enumerate() {
            let y = (row as f32 + 0.5) * pixel - 1.0;
            for (column, value) in line.iter_mut().enumerate() {
                *value = color((column as f32 + 0.5) * pixel - 1.0, y);
            }
        }
    }

    /// Blends a colour over the pixels within `reach` of `center`. `cover` gives the opacity, 0 to
    /// 1, at an offset from it.
    pub fn stamp(&mut self, center: [f32; 2], reach: f32, color: Rgb, cover: impl Fn(f32, f32) -> f32) {
        self.change(center, reach, |value, dx, dy| {
            let opacity = cover(dx, dy);
            std::array::from_fn(|c| value[c] + (color[c] - value[c]) * opacity)
        });
    }

    /// Adds light, which may be negative, to the pixels within `reach` of `center`.
    pub fn shine(&mut self, center: [f32; 2], reach: f32, light: impl Fn(f32, f32) -> f32) {
        self.change(center, reach, |value, dx, dy| {
            let light = light(dx, dy);
            value.map(|channel| channel + light)
        });
    }

    fn change(&mut self, center: [f32; 2], reach: f32, new: impl Fn(Rgb, f32, f32) -> Rgb) {
        let pixel = self.pixel();
        // The conversion of a float saturates, so a place outside gives an empty range.
        let first = |middle: f32| ((middle - reach + 1.0) / pixel).floor() as usize;
        let end = |middle: f32| (((middle + reach + 1.0) / pixel).ceil() as usize).min(self.side);
        let columns = first(center[0])..end(center[0]);
        for row in first(center[1])..end(center[1]) {
            let dy = (row as f32 + 0.5) * pixel - 1.0 - center[1];
            for column in columns.clone() {
                let dx = (column as f32 + 0.5) * pixel - 1.0 - center[0];
                let value = &mut self.pixels[row * self.side + column];
                *value = new(*value, dx, dy);
            }
        }
    }
}

/// Returns the opacity of a soft-edged form at a signed distance from its edge (negative inside).
pub fn edge(distance: f32, softness: f32) -> f32 {
    (0.5 - distance / softness).clamp(0.0, 1.0)
}

/// Rotates a point by an angle given as (cosine, sine).
pub fn turn([cos, sin]: [f32; 2], x: f32, y: f32) -> [f32; 2] {
    [x * cos + y * sin, y * cos - x * sin]
}

/// Draws a direction: (cosine, sine).
pub fn direction(rng: &mut ChaCha8Rng) -> [f32; 2] {
    let angle = rng.random_range(0.0..std::f32::consts::TAU);
    [angle.cos(), angle.sin()]
}

/// Draws a colour.
pub fn color(rng: &mut ChaCha8Rng, low: f32, high: f32) -> Rgb {
    std::array::from_fn(|_| rng.random_range(low..high))
}

/// Draws a number of mean 0, standard deviation 1, within ±3.5: a sum of four uniform numbers.
pub fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let bits: u64 = rng.random();
    let sum: u32 = (0..4).map(|part| (bits >> (16 * part)) as u16 as u32).sum();
    // Four uniform numbers of 0 to 65535 have the variance 4 * 65536² / 12.
    (sum as f32 - 131_070.0) / 37_837.2
}

/// Smooth random values over the canvas: an interpolated lattice of random numbers.
pub struct Noise {
    cells: usize,
    values: Vec<f32>,
}

impl Noise {
    /// Draws noise with `cells` lattice cells along a side.
    pub fn new(rng: &mut ChaCha8Rng, cells: usize) -> Self {
        let side = cells + 1;
        Self { cells, values: (0..side * side).map(|_| rng.random_range(-1.0..1.0)).collect() }
    }

    /// Returns the value at a place, -1 to 1; outside the canvas, that of the nearest edge.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let split = |position: f32| {
            let scaled = ((position + 1.0) * 0.5).clamp(0.0, 1.0) * self.cells as f32;
            let cell = (scaled as usize).min(self.cells - 1);
            let part = scaled - cell as f32;
            (cell, part * part * (3.0 - 2.0 * part))
        };
        let ((column, right), (row, down)) = (split(x), split(y));
        let start = row * (self.cells + 1) + column;
        let lerp = |a: f32, b: f32, part: f32| a + (b - a) * part;
        let upper = lerp(self.values[start], self.values[start + 1], right);
        let start = start + self.cells + 1;
        lerp(upper, lerp(self.values[start], self.values[start + 1], right), down)
    }
}
