//! Plane figures, as signed distances.

use super::canvas::turn;

/// A figure about the origin, of radius 1.
#[derive(Clone, Copy)]
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
    /// All, in the order of their class indices.
    pub const ALL: [Self; 6] =
        [Self::Disc, Self::Square, Self::Triangle, Self::Ring, Self::Cross, Self::Star];

    /// Roughly the distance to the edge, negative inside.
    fn distance(self, x: f32, y: f32) -> f32 {
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

/// A figure that has been moved out of its standard place, apart from the shift.
pub struct Pose {
    /// Distance from the middle to the rim.
    pub radius: f32,
    /// (Cosine, sine) of the turn.
    pub turn: [f32; 2],
    /// Width over height.
    pub stretch: f32,
}

impl Pose {
    /// How far the figure reaches from its middle.
    pub fn reach(&self) -> f32 {
        self.radius * 1.7
    }

    /// Distance from the edge of a form in this pose, at an offset from its middle.
    pub fn distance(&self, form: Form, dx: f32, dy: f32) -> f32 {
        let [x, y] = turn(self.turn, dx, dy);
        form.distance(x / (self.radius * self.stretch), y * self.stretch / self.radius) * self.radius
    }
}
