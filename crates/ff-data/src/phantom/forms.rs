//! Plane figures as signed distances.

use strum::VariantArray;

/// A figure of radius 1 around the origin, in the order of the classes.
#[derive(Clone, Copy, VariantArray)]
pub enum Form {
    /// A circle, filled.
    Disc,
    /// Four equal sides.
    Square,
    /// Three equal sides.
    Triangle,
    /// A circle with a hole.
    Ring,
    /// Two bars.
    Cross,
    /// Five arms.
    Star,
}

impl Form {
    /// Returns an approximate distance to the edge, negative inside.
    pub fn distance(self, x: f32, y: f32) -> f32 {
        let radius = x.hypot(y);
        let bar = |x: f32, y: f32| (x.abs() - 0.95).max(y.abs() - 0.3);
        match self {
            Self::Disc => radius - 0.9,
            Self::Square => x.abs().max(y.abs()) - 0.78,
            Self::Triangle => (0.866 * x.abs() + 0.5 * y).max(-y) - 0.55,
            Self::Ring => (radius - 0.68).abs() - 0.24,
            Self::Cross => bar(x, y).min(bar(y, x)),
            Self::Star => radius - 0.7 - 0.25 * (5.0 * y.atan2(x)).cos(),
        }
    }
}
