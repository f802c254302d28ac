//! Any of the plots.

use super::{Figure, Heat, Surface};
use crate::Error;

/// A plot of one of the kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// Lines.
    Lines(Figure),
    /// A plane in filled contours.
    Surface(Surface),
    /// A matrix in colours.
    Heat(Heat),
}

impl Plot {
    /// What stands above it.
    pub fn title(&self) -> &str {
        match self {
            Self::Lines(figure) => &figure.title,
            Self::Surface(surface) => &surface.title,
            Self::Heat(heat) => &heat.title,
        }
    }

    /// Whether there is nothing in it to draw.
    pub fn is_empty(&self) -> bool {
        let checked = match self {
            Self::Lines(figure) => figure.check(),
            Self::Surface(surface) => surface.check(),
            Self::Heat(heat) => heat.check(),
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
            Self::Heat(heat) => heat.to_svg(),
        }
    }

    /// Its numbers.
    pub fn to_csv(&self) -> String {
        match self {
            Self::Lines(figure) => figure.to_csv(),
            Self::Surface(surface) => surface.to_csv(),
            Self::Heat(heat) => heat.to_csv(),
        }
    }
}
