//! The colour scale of values, which is also legible without hue.

use plotters::style::RGBColor;
use plotters::style::colors::colormaps::{ColorMap, ViridisRGB};

/// The colour of Viridis at a fraction of its range, from 0 (dark) to 1 (bright).
///
/// Lightness rises evenly, so the scale is legible in grey and for colour-blind readers.
pub(super) fn colour(share: f64) -> RGBColor {
    ViridisRGB.get_color(share.clamp(0.0, 1.0) as f32)
}

/// The colour of text on a colour: dark or white.
///
/// The dark one differs from the black of lines, which the page's style changes in dark mode.
pub(super) fn ink(on: RGBColor) -> RGBColor {
    let RGBColor(red, green, blue) = on;
    let light = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
    if light > 140.0 { RGBColor(17, 17, 17) } else { RGBColor(255, 255, 255) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_brighten_and_text_on_them_is_legible() {
        let light =
            |RGBColor(r, g, b): RGBColor| 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
        let lights: Vec<u32> = (0..=20).map(|at| light(colour(f64::from(at) / 20.0))).collect();
        assert!(lights.is_sorted(), "{lights:?}");
        for at in 0..=20 {
            let on = colour(f64::from(at) / 20.0);
            assert!(light(on).abs_diff(light(ink(on))) > 90_000, "{at}");
        }
    }
}
