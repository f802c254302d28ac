//! Styles of series, which colour-blind readers and readers in grey can distinguish.

use plotters::style::{Color, RGBColor, ShapeStyle};

/// Okabe and Ito's palette without yellow, which is faint on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),   // blue
    RGBColor(213, 94, 0),    // vermillion
    RGBColor(0, 158, 115),   // bluish green
    RGBColor(204, 121, 167), // reddish purple
    RGBColor(230, 159, 0),   // orange
    RGBColor(86, 180, 233),  // sky blue
    RGBColor(0, 0, 0),       // black
];

/// The colour of axes and reference lines.
pub(super) const GREY: RGBColor = RGBColor(90, 90, 90);
/// The colour of the grid, and of cells without a value.
pub(super) const FAINT: RGBColor = RGBColor(225, 225, 225);

/// The lengths of a dash and of the gap after it, in pixels.
pub(super) type Dash = (i32, i32);

const DASHES: [Option<Dash>; 3] = [None, Some((10, 5)), Some((3, 4))];

/// The dashes of reference lines, which differ from those of series.
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

/// The style of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub colour: RGBColor,
    pub marker: Marker,
    pub dash: Option<Dash>,
    /// The width of the line, in pixels.
    pub width: u32,
    /// The distance from the middle of a marker to its edge, in pixels.
    pub radius: i32,
}

impl Style {
    /// The style of the series at this index of the legend.
    ///
    /// With 7 colours and 5 markers, 35 series differ in colour or marker.
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

    /// The stroke of the line.
    pub fn stroke(&self) -> ShapeStyle {
        self.colour.stroke_width(self.width)
    }
}

/// The dash of the reference line at this index of the legend.
pub(super) fn reference_dash(nth: usize) -> Dash {
    REFERENCE_DASHES[nth % REFERENCE_DASHES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_of_35_series_differ() {
        let styles: Vec<_> = (0..35).map(|nth| Style::new(nth, false)).collect();
        for (at, one) in styles.iter().enumerate() {
            let alike = |other: &&Style| (one.colour, one.marker) == (other.colour, other.marker);
            assert_eq!(styles[..at].iter().find(alike), None);
        }
    }
}
