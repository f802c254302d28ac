//! Reports as one HTML page: a summary first, then tables, figures and details.

mod advice;
mod choice;
mod compared;
mod costs;
mod data;
mod data_set;
mod delong;
mod dots;
mod forecast;
mod grid;
mod images;
mod in_use;
mod learning;
mod mistakes;
mod of_seeds;
mod of_soups;
mod page;
mod per_class;
mod picture;
mod provenance;
mod reading;
mod recommend;
mod shift;
mod summary;
mod terms;
mod words;

pub use data::{
    Choice, Coefficients, ColumnReport, Comparison, ExperimentReport, ExperimentTable, ForecastReport,
    ImagesReport, InUse, Mistake, MistakesReport, ModelAnswer, ModelForecast, Origin, PerClassReport,
    Progress, Report, Rule, Scored, Step, Thumbnail, TrainingRun,
};

impl Report {
    /// Writes the report as one self-contained HTML page, with the same bytes for the same report.
    ///
    /// The page loads no script, font or picture. It supports dark mode, phones and print. Its
    /// scripts show one panel at a time and sort long tables; without them all panels are shown.
    pub fn to_html(&self) -> String {
        page::document(self)
    }
}
