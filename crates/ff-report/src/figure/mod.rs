//! Plots.

mod canvas;
mod check;
mod colour;
mod colour_bar;
mod contour;
mod curves;
mod forest;
mod frame;
mod heatmap;
mod lines;
mod measure;
mod plot;
mod scale;
mod style;
mod surface;

pub(crate) use scale::Scale;

pub use curves::{Curve, CurveKind, Curves, Span, Spot};
pub use forest::{Estimated, ForestPlot, ForestRow};
pub use heatmap::Heatmap;
pub use lines::{Axis, LinePlot, Point, Series};
pub use plot::Plot;
pub use surface::{Mark, Surface};
