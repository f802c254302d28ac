//! Plots of lines over places that all series share.

mod data;
mod draw;
mod layout;

pub use data::{Axis, LinePlot, Point, Series};
