//! What the report recommends for a data set with a network, and how that does on test images.

use ff_eval::{Difference, Metric, PairedDifference, Shown};

use crate::cost::Cost;
use crate::format;
use crate::report::data::ColumnReport;

/// The model to take for a data set with a network, chosen on validation images.
pub(super) struct Advice<'a> {
    pub column: &'a ColumnReport,
    pub metric: Metric,
    /// The row of the model to take; `None` if none is recommended.
    pub take: Option<String>,
    /// What to take: "Take X", or that there is no model to take; and why.
    pub sentence: [String; 2],
    /// Its scores on validation images, by which networks are compared.
    pub worth: Option<Worth>,
    /// The sets of images that it is scored on: test, then shifted ones.
    pub sets: Vec<ImageSet>,
    /// Its score on each of these sets.
    pub scores: Vec<Option<String>>,
    /// The chance level on each of these sets.
    pub chances: Vec<Option<f64>>,
    /// The chance level less the baseline's score on each of these sets.
    pub chances_less: Vec<Option<f64>>,
    /// The cost of its row, over the whole table.
    pub cost: Option<Cost>,
    /// The row that others are compared with, and what it is.
    pub baseline: Option<String>,
    pub baseline_is: &'static str,
    /// The differences of rows from the baseline, on each of the sets.
    pub dots: Vec<(String, Vec<Option<Dot>>)>,
    /// What to know before the model is used.
    pub warnings: Vec<String>,
}

/// A set of images that models are scored on: the test split, or shifted images by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImageSet {
    Test,
    Shifted(String),
}

impl ImageSet {
    pub fn is_shifted(&self) -> bool {
        *self != ImageSet::Test
    }

    /// Its name as a heading.
    pub fn title(&self) -> String {
        match self {
            ImageSet::Test => "Test".to_owned(),
            ImageSet::Shifted(name) => format!("Shifted: {name}"),
        }
    }

    /// Its name in a sentence.
    pub fn images(&self) -> String {
        match self {
            ImageSet::Test => "test images".to_owned(),
            ImageSet::Shifted(name) => format!("shifted images ({name})"),
        }
    }
}

/// The scores of a model on validation images.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    pub validation: Option<f64>,
    pub cross_fitted: Option<f64>,
}

/// A difference from the baseline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dot {
    pub value: f64,
    pub ends: Option<(f64, f64)>,
    pub shown: Shown,
}

impl Dot {
    pub fn of(difference: &Difference) -> Dot {
        let ends = difference.interval.map(|ends| (ends.low, ends.high));
        Dot { value: difference.value, ends, shown: difference.shown() }
    }

    pub fn paired(difference: &PairedDifference) -> Dot {
        let ends = difference.interval.map(|ends| (ends.low, ends.high));
        let shown = ends.map_or(Shown::Neither, |(low, high)| Shown::by(low, high));
        Dot { value: difference.mean, ends, shown }
    }
}

impl Advice<'_> {
    /// True if the model to take is what others are compared with.
    pub fn is_baseline(&self) -> bool {
        self.take.is_some() && self.take == self.baseline
    }

    /// The differences of the model to take from the baseline, with their sets.
    pub fn differences(&self) -> impl Iterator<Item = (&ImageSet, &Dot)> {
        let dots = self.dots.iter().find(|(name, _)| Some(name) == self.take.as_ref());
        let dots = dots.into_iter().flat_map(|(_, dots)| dots);
        self.sets.iter().zip(dots).filter_map(|(set, dot)| Some((set, dot.as_ref()?)))
    }

    /// True if differences are in points, which are hundredths of the metric.
    pub fn in_points(&self) -> bool {
        self.metric != Metric::LogLoss
    }

    /// A difference with its interval, such as "+2.1 points [0.3, 3.9]".
    pub fn said(&self, dot: &Dot) -> String {
        let value = format::change(dot.value, self.metric) + format::unit(self.metric);
        let end = |end: f64| format::amount(end, self.metric);
        match dot.ends {
            Some((low, high)) => format!("{value} [{}, {}]", end(low), end(high)),
            None => format!("{value} (no interval)"),
        }
    }
}
