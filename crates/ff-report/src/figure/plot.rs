//! A plot of any kind.

use crate::error::Error;
use crate::figure::heatmap::Heatmap;
use crate::figure::lines::LinePlot;
use crate::figure::surface::Surface;

/// A plot of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// A line plot.
    Lines(LinePlot),
    /// Filled contours of values over a plane.
    Surface(Surface),
    /// A matrix drawn as colours.
    Heatmap(Heatmap),
}

impl Plot {
    /// The title above the plot.
    pub fn title(&self) -> &str {
        match self {
            Self::Lines(figure) => &figure.title,
            Self::Surface(surface) => &surface.title,
            Self::Heatmap(heatmap) => &heatmap.title,
        }
    }

    /// Returns true if the plot has no points.
    pub fn is_empty(&self) -> bool {
        let checked = match self {
            Self::Lines(figure) => figure.check(),
            Self::Surface(surface) => surface.check(),
            Self::Heatmap(heatmap) => heatmap.check(),
        };
        matches!(checked, Err(Error::NoPoint { .. }))
    }

    /// Draws the plot as an SVG picture, with the same bytes for the same plot.
    ///
    /// # Errors
    /// Those of the kind of plot.
    pub fn to_svg(&self) -> Result<String, Error> {
        match self {
            Self::Lines(figure) => figure.to_svg(),
            Self::Surface(surface) => surface.to_svg(),
            Self::Heatmap(heatmap) => heatmap.to_svg(),
        }
    }

    /// Writes the numbers of the plot as CSV.
    pub fn to_csv(&self) -> String {
        match self {
            Self::Lines(figure) => figure.to_csv(),
            Self::Surface(surface) => surface.to_csv(),
            Self::Heatmap(heatmap) => heatmap.to_csv(),
        }
    }
}
