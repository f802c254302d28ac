//! This crate writes tables, plots and reports of scores: Markdown, LaTeX, CSV, JSON, SVG and HTML.
//!
//! A [`Table`] has a row for each method and a column for each backbone trained on a dataset; a
//! [`SeedTable`] is the same for methods that were run with several seeds. A cell is a [`Score`]
//! with its interval; the best and the second best of a column are marked:
//!
//! ```
//! use ff_report::{Cell, Chance, Column, Cost, Interval, Metric, Row, Score, Table, Value};
//!
//! let column = Column::new("ResNet50", "my images", Metric::Accuracy);
//! let row = |method: &str, value: f64, low: f64, high: f64| {
//!     let test = Score {
//!         metric: Metric::Accuracy,
//!         value: Value::Defined(value),
//!         interval: Some(Interval { low, high, level: 0.95, resamples: 1000, dropped: 0 }),
//!         chance: Chance::default(),
//!         samples: 200,
//!         groups: None,
//!         notes: Vec::new(),
//!         outputs: Vec::new(),
//!         counts: Vec::new(),
//!     };
//!     let cells = vec![Cell { test: Some(test), ..Cell::default() }];
//!     Row { method: method.to_owned(), cells, cost: Cost::default() }
//! };
//! let rows = vec![row("best model", 0.85, 0.80, 0.90), row("greedy soup", 0.88, 0.83, 0.92)];
//! let table = Table::new("My images", vec![column], rows)?;
//! assert!(table.to_markdown().contains("**0.8800**"));
//! # Ok::<(), ff_report::Error>(())
//! ```
//!
//! A [`ColumnVerdict`] says in words what the validation images alone tell of a column's soups.
//!
//! A [`LinePlot`] is a line plot, [`Curves`] one whose series have positions of their own, a
//! [`Surface`] filled contours over a plane, a [`Heatmap`] a matrix in colours. Each is written as
//! SVG; all but curves give their numbers as CSV. A [`Report`] is a page of tables, plots and
//! details in one HTML file.
//!
//! Nothing here computes a metric: tables rank scores, average them over seeds and subtract the
//! published numbers, which are in [`published`]. The crate is pure Rust and needs no libtorch.

mod cost;
mod csv;
mod error;
mod figure;
mod format;
mod latex;
mod markdown;
pub mod published;
mod rank;
pub mod report;
mod section;
mod seeds;
mod shape;
mod table;
mod verdict;

pub use cost::Cost;
pub use csv::csv;
pub use error::Error;
pub use figure::{
    Axis, Curve, CurveKind, Curves, Estimated, ForestPlot, ForestRow, Heatmap, LinePlot, Mark, Plot, Point,
    Series, Span, Spot, Surface,
};
pub use markdown::escape as markdown_text;
pub use rank::Rank;
pub use report::Report;
pub use seeds::{SeedCell, SeedColumn, SeedRow, SeedRun, SeedTable};
pub use table::{Cell, Column, Row, Table};
pub use verdict::ColumnVerdict;

/// Types of [`ff_eval`] in this crate's signatures.
pub use ff_eval::{
    Calibration, Chance, ClassRow, Confusion, Difference, Interval, Metric, Note, OutputAuroc,
    OutputDifference, PairedDifference, Roc, Score, Spread, Value, Verdict,
};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
