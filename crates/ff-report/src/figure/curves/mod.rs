//! Plots of lines and points that have places of their own.

mod data;
mod draw;
mod layout;

pub use data::{Curve, CurveKind, Curves, Span, Spot};
