//! How series look: alike for nobody, colour-blind or reading in grey.

use plotters::style::{Color, RGBColor, ShapeStyle};

/// Okabe and Ito's colours without yellow, which is faint on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),   // blue
    RGBColor(213, 94, 0),    // vermillion
    RGBColor(0, 158, 115),   // bluish green
    RGBColor(204, 121, 167), // reddish purple
    RGBColor(230, 159, 0),   // orange
    RGBColor(86, 180, 233),  // sky blue
    RGBColor(0, 0, 0),       // black
];

/// Of axes and of the lines of reference.
pub(super) const GREY: RGBColor = RGBColor(90, 90, 90);
/// Of the grid.
pub(super) const FAINT: RGBColor = RGBColor(225, 225, 225);

/// Lengths of a dash and of the space behind it, in pixels.
pub(super) type Dash = (i32, i32);

const DASHES: [Option<Dash>; 3] = [None, Some((10, 5)), Some((3, 4))];

/// Of the lines of reference, none of which is a series' dash.
const REFERENCE_DASHES: [Dash; 3] = [(14, 6), (6, 6), (2, 6)];

/// The shape of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

const MARKERS: [Marker; 5] =
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Cross];

/// How one series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub colour: RGBColor,
    pub marker: Marker,
    pub dash: Option<Dash>,
    /// Of the line, in pixels.
    pub width: u32,
    /// From a marker's middle to its edge, in pixels.
    pub radius: i32,
}

impl Style {
    /// Of the series at this place in the legend. As 7 and 5 have no common divisor, 35 series pass
    /// before one has the colour and the marker of another.
    pub fn new(nth: usize, emphasis: bool) -> Style {
        let (width, radius) = if emphasis { (4, 7) } else { (2, 5) };
        Style {
            colour: COLOURS[nth % COLOURS.len()],
            marker: MARKERS[nth % MARKERS.len()],
            dash: DASHES[nth / COLOURS.len() % DASHES.len()],
            width,
            radius,
        }
    }

    /// Of the line.
    pub fn stroke(&self) -> ShapeStyle {
        self.colour.stroke_width(self.width)
    }
}

/// Of the line of reference at this place in the legend.
pub(super) fn reference_dash(nth: usize) -> Dash {
    REFERENCE_DASHES[nth % REFERENCE_DASHES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_35_series_look_alike() {
        let styles: Vec<_> = (0..35).map(|nth| Style::new(nth, false)).collect();
        for (at, one) in styles.iter().enumerate() {
            let alike = |other: &&Style| (one.colour, one.marker) == (other.colour, other.marker);
            assert_eq!(styles[..at].iter().find(alike), None);
        }
    }
}
