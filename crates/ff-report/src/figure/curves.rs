//! Plots of lines and points that have places of their own: curves over training, ROC curves, reliability, one score against
//! another.

mod draw;

use crate::error::Error;

/// A plot whose series need not share their places on the x axis. The legend stands below, so that the picture stays
/// narrow enough for a telephone.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What it is called; said to those who cannot see it, and in errors.
    pub title: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// What y is, with its unit.
    pub y_label: String,
    /// What the x axis spans.
    pub x: Span,
    /// What the y axis spans.
    pub y: Span,
    /// The series, in the order of the legend.
    pub curves: Vec<Curve>,
    /// The name of the line on which y is x, if it is drawn.
    pub diagonal: Option<String>,
    /// Height of the plot, in pixels.
    pub height: u32,
    /// Whether there is a legend.
    pub legend: bool,
}

/// What an axis spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// What is drawn.
    Data,
    /// 0 to 1.
    Unit,
    /// From 0 to so many epochs.
    Epochs(u32),
    /// What is drawn, by its logarithm; numbers that are not positive are left out.
    Powers,
}

/// A series.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// As in the legend.
    pub name: String,
    /// Its points, in the order in which a line joins them.
    pub spots: Vec<Spot>,
    /// How it is drawn.
    pub kind: CurveKind,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurveKind {
    /// A line, with markers where its points ask for them.
    Line,
    /// Markers alone, above the others.
    Marks,
    /// Large markers alone.
    Emphasis,
    /// A thin grey line without a place in the legend.
    Faint,
}

/// A point of a series, all its numbers finite.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spot {
    /// Where it is.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// Ends of a whisker along x.
    pub x_ends: Option<(f64, f64)>,
    /// Ends of a whisker along y.
    pub y_ends: Option<(f64, f64)>,
    /// Whether a line has a marker here. One that has none gets a few, so that it can be told from others.
    pub mark: bool,
}

impl Spot {
    /// Without whiskers and marker.
    pub fn at(x: f64, y: f64) -> Spot {
        Spot { x, y, ..Spot::default() }
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        let ends = [self.x_ends, self.y_ends].into_iter().flatten();
        [self.x, self.y].into_iter().chain(ends.flat_map(|(low, high)| [low, high]))
    }
}

impl Curves {
    /// The plot as an SVG picture, the same text for the same plot; series look as in [`crate::LinePlot::to_svg`].
    ///
    /// # Errors
    /// A number that is not finite, or no point at all.
    pub fn to_svg(&self) -> Result<String, Error> {
        for curve in &self.curves {
            if let Some(found) = curve.spots.iter().flat_map(Spot::numbers).find(|number| !number.is_finite())
            {
                let (figure, of) = (self.title.clone(), format!("series {:?}", curve.name));
                return Err(Error::NotFinite { figure, of, found: found.to_string() });
            }
        }
        if self.curves.iter().all(|curve| curve.spots.is_empty()) {
            return Err(Error::NoPoint { figure: self.title.clone() });
        }
        draw::svg(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(spots: Vec<Spot>) -> Curves {
        Curves {
            title: "t".into(),
            x_label: "x".into(),
            y_label: "y".into(),
            x: Span::Data,
            y: Span::Data,
            curves: vec![Curve { name: "c".into(), spots, kind: CurveKind::Line }],
            diagonal: None,
            height: 200,
            legend: true,
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        assert_eq!(plot(vec![]).to_svg(), Err(Error::NoPoint { figure: "t".into() }));
        let message = plot(vec![Spot::at(0.0, f64::NAN)]).to_svg().unwrap_err().to_string();
        assert_eq!(message, "figure \"t\", series \"c\": expected a finite number, found NaN");
    }

    /// A hundred thousand points of a curve fall on a few hundred pixels.
    #[test]
    fn long_curves_are_no_longer_than_the_picture() {
        let steps = |count: usize| {
            (0..=count).map(move |at| Spot::at(at as f64 / count as f64, (at as f64 / count as f64).sqrt()))
        };
        let svg = plot(steps(100_000).collect()).to_svg().unwrap();
        assert!(svg.len() < 20_000, "{}", svg.len());
    }

    #[test]
    fn a_rate_of_nothing_has_no_logarithm() {
        let mut of_rates = plot(vec![Spot::at(0.0, 1e-3), Spot::at(1.0, 0.0), Spot::at(2.0, 1e-5)]);
        of_rates.y = Span::Powers;
        let svg = of_rates.to_svg().unwrap();
        assert!(svg.contains("1e−4"), "{svg}");
    }
}
