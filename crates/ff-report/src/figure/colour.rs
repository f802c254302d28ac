//! Colours for values: one scale, told apart without hue too.

use plotters::style::RGBColor;
use plotters::style::colors::colormaps::{ColorMap, ViridisRGB};

/// Viridis at a share of its range, 0 dark and 1 bright: lightness rises evenly, so it reads in
/// grey and to the colour-blind.
pub(super) fn colour(share: f64) -> RGBColor {
    ViridisRGB.get_color(share.clamp(0.0, 1.0) as f32)
}

/// Of black and white, the one that text on a colour is read in. It is not the black of lines,
/// which a page may turn around in the dark.
pub(super) fn ink(on: RGBColor) -> RGBColor {
    let RGBColor(red, green, blue) = on;
    let light = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
    if light > 140.0 { RGBColor(17, 17, 17) } else { RGBColor(255, 255, 255) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_brighten_and_ink_can_be_read_on_them() {
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
