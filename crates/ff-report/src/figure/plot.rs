//! Any of the plots.

use crate::error::Error;
use crate::figure::heatmap::Heatmap;
use crate::figure::lines::LinePlot;
use crate::figure::surface::Surface;

/// A plot of one of the kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// Lines.
    Lines(LinePlot),
    /// A plane in filled contours.
    Surface(Surface),
    /// A matrix in colours.
    Heatmap(Heatmap),
}

impl Plot {
    /// What stands above it.
    pub fn title(&self) -> &str {
        match self {
            Self::Lines(figure) => &figure.title,
            Self::Surface(surface) => &surface.title,
            Self::Heatmap(heatmap) => &heatmap.title,
        }
    }

    /// Whether there is nothing in it to draw.
    pub fn is_empty(&self) -> bool {
        let checked = match self {
            Self::Lines(figure) => figure.check(),
            Self::Surface(surface) => surface.check(),
            Self::Heatmap(heatmap) => heatmap.check(),
        };
        matches!(checked, Err(Error::NoPoint { .. }))
    }

    /// The plot as an SVG picture, the same text for the same plot.
    ///
    /// # Errors
    /// Those of its kind.
    pub fn to_svg(&self) -> Result<String, Error> {
        match self {
            Self::Lines(figure) => figure.to_svg(),
            Self::Surface(surface) => surface.to_svg(),
            Self::Heatmap(heatmap) => heatmap.to_svg(),
        }
    }

    /// Its numbers.
    pub fn to_csv(&self) -> String {
        match self {
            Self::Lines(figure) => figure.to_csv(),
            Self::Surface(surface) => surface.to_csv(),
            Self::Heatmap(heatmap) => heatmap.to_csv(),
        }
    }
}
