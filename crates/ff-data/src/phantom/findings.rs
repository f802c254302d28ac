//! Draws thirteen findings in a chest, any number at once.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, Noise, edge};
use super::chest::Chest;

/// Share of unknown labels.
const UNKNOWN: f64 = 0.15;

/// A finding: its frequency, and how it is drawn.
pub struct Finding {
    /// Name of the task.
    pub name: &'static str,
    /// Share of patients who have it.
    pub prevalence: f64,
    mark: Mark,
}

/// The appearance of a finding; light is added, and may be negative.
enum Mark {
    /// A wider heart.
    Heart { radius: f32 },
    /// A wider middle above the heart.
    Middle { width: f32 },
    /// A patch in a lung: range of its height, radius, light, and mottling of 0 to 1.
    Patch { top: f32, bottom: f32, radius: f32, light: f32, mottling: f32 },
    /// Mottling over both lungs: strength and cells.
    Haze { strength: f32, cells: usize },
    /// A level of fluid that fills a lung from below.
    Level { light: f32 },
    /// An arc along the rim of a lung.
    Rim { light: f32 },
    /// A slanting line: half length, half width, light.
    Line { length: f32, width: f32, light: f32 },
    /// A hard-edged square on the skin.
    Device,
}

/// The tasks, in the order of their labels.
#[rustfmt::skip]
pub const TASKS: [Finding; 13] = [
    Finding { name: "wide-mediastinum", prevalence: 0.10, mark: Mark::Middle { width: 0.17 } },
    Finding { name: "cardiomegaly", prevalence: 0.15, mark: Mark::Heart { radius: 0.45 } },
    Finding { name: "opacity", prevalence: 0.40, mark: Mark::Patch { top: -0.6, bottom: 0.6, radius: 0.26, light: 0.20, mottling: 0.3 } },
    Finding { name: "lesion", prevalence: 0.08, mark: Mark::Patch { top: -0.6, bottom: 0.6, radius: 0.09, light: 0.34, mottling: 0.0 } },
    Finding { name: "edema", prevalence: 0.22, mark: Mark::Haze { strength: 0.14, cells: 16 } },
    Finding { name: "consolidation", prevalence: 0.10, mark: Mark::Patch { top: 0.1, bottom: 0.7, radius: 0.22, light: 0.34, mottling: 0.1 } },
    Finding { name: "pneumonia", prevalence: 0.08, mark: Mark::Patch { top: 0.0, bottom: 0.7, radius: 0.24, light: 0.26, mottling: 0.9 } },
    Finding { name: "atelectasis", prevalence: 0.18, mark: Mark::Line { length: 0.24, width: 0.045, light: 0.24 } },
    Finding { name: "pneumothorax", prevalence: 0.10, mark: Mark::Rim { light: -0.20 } },
    Finding { name: "effusion", prevalence: 0.35, mark: Mark::Level { light: 0.32 } },
    Finding { name: "pleural-other", prevalence: 0.05, mark: Mark::Rim { light: 0.24 } },
    Finding { name: "fracture", prevalence: 0.05, mark: Mark::Line { length: 0.09, width: 0.05, light: -0.34 } },
    Finding { name: "device", prevalence: 0.40, mark: Mark::Device },
];

/// Draws the ground truth: the first numbers of an image's stream.
fn truth(rng: &mut ChaCha8Rng) -> [bool; 13] {
    std::array::from_fn(|task| rng.random_bool(TASKS[task].prevalence))
}

/// Returns the labels: the ground truth with gaps.
pub fn known(rng: &mut ChaCha8Rng, gaps: &mut ChaCha8Rng) -> Vec<Option<bool>> {
    truth(rng).into_iter().map(|present| (!gaps.random_bool(UNKNOWN)).then_some(present)).collect()
}

/// Draws a chest with the findings of its stream, whether or not their labels are known.
pub fn draw(canvas: &mut Canvas, shifted: bool, visibility: f32, rng: &mut ChaCha8Rng) {
    let present = truth(rng);
    let chest = Chest::draw(canvas, shifted, rng);
    for (finding, _) in TASKS.iter().zip(present).filter(|(_, present)| *present) {
        // Some are hardly visible, so no model can be perfect.
        let strength = visibility * rng.random_range(0.35..1.15f32);
        finding.mark.draw(canvas, &chest, strength, rng);
    }
}

impl Mark {
    fn draw(&self, canvas: &mut Canvas, chest: &Chest, strength: f32, rng: &mut ChaCha8Rng) {
        let side = rng.random_range(0..2);
        let soft = canvas.pixel() * 1.5;
        match *self {
            Self::Heart { radius } => {
                let light = 0.24 * strength;
                canvas.shine(chest.heart, 0.8, |dx, dy| light * edge(dx.hypot(dy) - radius, 0.12));
            }
            Self::Middle { width } => {
                let (light, center) = (0.22 * strength, [chest.heart[0] - 0.1, chest.heart[1] - 0.65]);
                canvas
                    .shine(center, 0.6, |dx, dy| light * edge((dx.abs() - width).max(dy.abs() - 0.4), 0.12));
            }
            Self::Patch { top, bottom, radius, light, mottling } => {
                let place = chest.place(side, top, bottom, rng);
                let radius = radius * rng.random_range(0.8..1.2f32);
                let noise = Noise::new(rng, 14);
                canvas.shine(place, radius * 2.2, |dx, dy| {
                    let fade = (-(dx * dx + dy * dy) / (radius * radius)).exp();
                    let grain = 1.0 + mottling * noise.at(place[0] + dx, place[1] + dy);
                    light * strength * fade * grain
                });
            }
            Self::Haze { strength: haze, cells } => {
                let noise = Noise::new(rng, cells);
                for [x, y] in chest.lungs {
                    canvas.shine([x, y], chest.size[1], |dx, dy| {
                        let inside = edge((dx / chest.size[0]).hypot(dy / chest.size[1]) - 1.0, 0.4);
                        haze * strength * inside * (0.4 + noise.at(x + dx, y + dy))
                    });
                }
            }
            Self::Level { light } => {
                let [x, y] = chest.lungs[side];
                let height = rng.random_range(0.25..0.6f32);
                canvas.shine([x, y + chest.size[1]], chest.size[0] + height, |dx, dy| {
                    // The meniscus rises towards the side.
                    let below = edge(-dy - height + 0.8 * dx * dx, 0.1);
                    light * strength * below * edge(dx.abs() - chest.size[0], 0.1)
                });
            }
            Self::Rim { light } => {
                let outward = if side == 0 { -1.0 } else { 1.0 };
                canvas.shine(chest.lungs[side], chest.size[1], |dx, dy| {
                    let radius = (dx / chest.size[0]).hypot(dy / chest.size[1]);
                    let here = edge((radius - 0.85).abs() - 0.14, 0.1)
                        * edge(-outward * dx, 0.2)
                        * edge(dy - 0.1, 0.3);
                    light * strength * here
                });
            }
            Self::Line { length, width, light } => {
                let place = chest.place(side, -0.6, 0.6, rng);
                let slope = rng.random_range(-0.5..0.5f32);
                canvas.shine(place, length + width, |dx, dy| {
                    let distance = (dx.abs() - length).max((dy - slope * dx).abs() - width);
                    light * strength * edge(distance, soft)
                });
            }
            Self::Device => {
                let place = [rng.random_range(-0.8..0.8), rng.random_range(-0.85..-0.1)];
                let half = rng.random_range(0.08..0.14f32);
                let light = 0.15 + 0.3 * strength;
                canvas.shine(place, half + soft, |dx, dy| light * edge(dx.abs().max(dy.abs()) - half, soft));
            }
        }
    }
}
