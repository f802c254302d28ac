//! Surfaces over a plane, as filled contours.

mod data;
mod draw;
mod layout;

pub use data::{Mark, Surface};
