//! Surfaces over a plane, drawn as filled contours.

mod data;
mod draw;
mod layout;

pub use data::{Mark, Surface};
