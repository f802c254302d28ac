//! Reports as one HTML page: a summary first, then tables, figures and details.

mod choice;
mod comparison;
mod data;
mod fold;
mod forecast;
mod grid;
mod in_use;
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
    Choice, Coefficients, ColumnReport, Comparison, ExperimentReport, ExperimentTable, ForecastReport, InUse,
    Mistake, MistakesReport, ModelAnswer, ModelForecast, Origin, PerClassReport, Progress, Report, Rule,
    Scored, Step, Thumbnail, TrainingRun,
};

impl Report {
    /// Writes the report as one self-contained HTML page, with the same bytes for the same report.
    ///
    /// The page loads no script, font or picture. It supports dark mode, phones and print. Its
    /// only script sorts tables.
    pub fn to_html(&self) -> String {
        page::document(self)
    }
}
