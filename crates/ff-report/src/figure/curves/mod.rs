//! Plots of curves, each with its own positions on the x axis.

mod data;
mod draw;
mod layout;

pub use data::{Curve, CurveKind, Curves, Span, Spot};
