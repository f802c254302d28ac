//! Line plots, whose series share their positions on the x axis.

mod data;
mod draw;
mod layout;

pub use data::{Axis, LinePlot, Point, Series};
