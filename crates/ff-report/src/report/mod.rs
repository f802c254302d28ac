//! A whole report as one HTML page: what was found, in plain words first, then everything behind
//! it.

mod choice;
mod comparison;
mod data;
mod fold;
mod grid;
mod learning;
mod mistakes;
mod page;
mod per_class;
mod picture;
mod provenance;
mod seeds;
mod shift;
mod summary;
mod words;

pub use data::{
    Choice, ColumnReport, Comparison, ExperimentReport, ExperimentTable, Mistake, MistakesReport,
    ModelAnswer, Origin, PerClassReport, Progress, Report, Scored, Step, Thumbnail, TrainingRun,
};

impl Report {
    /// The report as one HTML page that needs nothing else: no script, font or picture from
    /// elsewhere. It reads in light and dark, on a telephone and in print; the one script in it
    /// sorts tables. The same text for the same report.
    pub fn to_html(&self) -> String {
        page::document(self)
    }
}
