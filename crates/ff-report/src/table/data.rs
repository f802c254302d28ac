//! The data of a table.

use ff_eval::{Chance, Metric, Score};
use itertools::Itertools;
use serde::Serialize;

use crate::cost::Cost;
use crate::error::Error;
use crate::rank::{Rank, rankable, ranks};
use crate::shape::{check_metric, check_rows};
use crate::verdict::ColumnVerdict;

/// A backbone trained on a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// The printed name of the backbone, such as "ResNet50". Columns of one backbone are printed
    /// together.
    pub backbone: String,
    /// The printed name of the dataset, such as "HAM10000".
    pub dataset: String,
    /// The metric of every score in the column.
    pub metric: Metric,
    /// The names of out-of-distribution (OOD) datasets that the same models are also scored on.
    pub ood: Vec<String>,
    /// True if the column is one of the paper's: same backbone, dataset and recipe.
    pub paper: bool,
    /// What validation alone says of the column's soups; `None` if it was not computed.
    pub verdict: Option<ColumnVerdict>,
    /// Why there is no verdict, if one was asked for.
    pub no_verdict: Option<String>,
    /// True if each row's model tells no validation images apart, so that none is recommended.
    pub collapsed: bool,
    /// The row to take, by validation images; `None` if there is none yet.
    pub recommended: Option<String>,
    /// The names of the classes or tasks with the numbers of their validation images, of a task the
    /// positive ones, for metrics that are means over them; empty for others.
    pub counts: Vec<(String, u64)>,
}

impl Column {
    /// Creates a column without OOD sets, a verdict and counts, which is neither the paper's nor
    /// collapsed.
    pub fn new(backbone: impl Into<String>, dataset: impl Into<String>, metric: Metric) -> Column {
        Column {
            backbone: backbone.into(),
            dataset: dataset.into(),
            metric,
            ood: Vec::new(),
            paper: false,
            verdict: None,
            no_verdict: None,
            collapsed: false,
            recommended: None,
            counts: Vec::new(),
        }
    }

    /// The verdict in words, or why there is none.
    pub(crate) fn said(&self) -> Option<String> {
        if self.collapsed {
            return Some(
                "No model is recommended: each predicts one class for all validation images.".to_owned(),
            );
        }
        let verdict = self.verdict.as_ref().map(|verdict| verdict.sentence(self.metric));
        verdict.or_else(|| {
            Some(format!("No verdict: {}. Only test images compare the rows.", self.no_verdict.as_ref()?))
        })
    }

    /// The name of the column, such as "ResNet50 on HAM10000".
    pub(super) fn name(&self) -> String {
        format!("{} on {}", self.backbone, self.dataset)
    }

    /// The title of the column, such as "HAM10000 (macro recall)".
    pub(super) fn title(&self) -> String {
        format!("{} ({})", self.dataset, self.metric.title())
    }
}

/// The result of one method in one column.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cell {
    /// The metric on the validation split, which the method selected on.
    pub validation: Option<f64>,
    /// Chance on the validation split, and whether the model tells its images apart.
    #[serde(skip_serializing_if = "Chance::is_unknown")]
    pub chance: Chance,
    /// The metric on the validation split, each image predicted by the model that the method
    /// chooses without the image's fold; `None` if it was not computed.
    pub cross_fitted: Option<f64>,
    /// The number of models that are averaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<usize>,
    /// Of the models that the forecast calls worth trying, how many the row took and how many not;
    /// then the same of the others. `None` without a forecast, and for rows that do not take models
    /// one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreseen: Option<[[usize; 2]; 2]>,
    /// The score on the test split; if it is `None`, `note` should say why.
    pub test: Option<Score>,
    /// The scores on the column's OOD sets, in its order. If a set could not be scored for a reason
    /// of its own, such as missing files, its score is undefined for that reason.
    pub ood: Vec<(String, Option<Score>)>,
    /// A note on the cell, such as "diverged" or "missing: EyePACS".
    pub note: Option<String>,
    /// The paper's number.
    pub paper: Option<f64>,
}

impl Cell {
    /// The validation value less the cross-fitted one: what selecting and scoring on the same
    /// images adds.
    pub fn optimism(&self) -> Option<f64> {
        Some(self.validation? - self.cross_fitted?)
    }

    /// The test value less the paper's.
    pub fn difference(&self) -> Option<f64> {
        Some(self.test_value()? - self.paper?)
    }

    pub(super) fn test_value(&self) -> Option<f64> {
        self.test.as_ref()?.value.value()
    }
}

/// One method in all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The printed name of the method, such as "GoG"; unique in the table.
    pub method: String,
    /// One cell for each column, in the table's order.
    pub cells: Vec<Cell>,
    /// The cost of the method.
    pub cost: Cost,
}

/// A table of methods and columns.
///
/// ```
/// use ff_report::{Cell, Chance, Column, Cost, Metric, Rank, Row, Score, Table, Value};
///
/// let column = Column::new("ResNet50", "my images", Metric::Accuracy);
/// # let score = |value| Score {
/// #     metric: Metric::Accuracy,
/// #     value: Value::Defined(value),
/// #     interval: None,
/// #     chance: Chance::default(),
/// #     samples: 200,
/// #     groups: None,
/// #     notes: Vec::new(),
/// #     outputs: Vec::new(),
/// #     counts: Vec::new(),
/// # };
/// let row = |method: &str, test: Score| Row {
///     method: method.to_owned(),
///     cells: vec![Cell { test: Some(test), ..Cell::default() }],
///     cost: Cost::default(),
/// };
/// let rows = vec![row("best model", score(0.85)), row("greedy soup", score(0.88))];
/// let table = Table::new("My images", vec![column], rows)?;
/// assert_eq!(table.ranks(0), [Some(Rank::Second), Some(Rank::Best)]);
/// print!("{}", table.to_markdown());
/// # Ok::<(), ff_report::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    title: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Table {
    /// Creates a table.
    ///
    /// # Errors
    /// [`Error::Cells`] for a row without exactly one cell for each column, [`Error::Duplicate`]
    /// for two rows with the same name, [`Error::Ood`] for other OOD sets than the column's,
    /// [`Error::Metric`] for a score by another metric than the column's.
    pub fn new(title: impl Into<String>, columns: Vec<Column>, rows: Vec<Row>) -> Result<Table, Error> {
        let shapes = rows.iter().map(|row| (row.method.as_str(), row.cells.len()));
        check_rows(shapes, columns.len())?;
        for row in &rows {
            for (cell, column) in row.cells.iter().zip(&columns) {
                if !cell.ood.iter().map(|(name, _)| name).eq(&column.ood) {
                    return Err(Error::Ood {
                        method: row.method.clone(),
                        column: column.name(),
                        expected: column.ood.clone(),
                        found: cell.ood.iter().map(|(name, _)| name.clone()).collect(),
                    });
                }
                let scores = cell.test.iter().chain(cell.ood.iter().filter_map(|(_, score)| score.as_ref()));
                check_metric(&row.method, column.name(), column.metric, scores)?;
            }
        }
        Ok(Table { title: title.into(), columns, rows })
    }

    /// The title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The names of the rows.
    pub(super) fn methods(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.method.as_str())
    }

    /// The mark of each row in one column, by test value.
    ///
    /// Equal values share a mark: several rows may be the best, and the second best is the next
    /// lower value. A model that tells no test samples apart has none.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn ranks(&self, column: usize) -> Vec<Option<Rank>> {
        let values: Vec<_> = self.rows.iter().map(|row| rankable(row.cells[column].test.as_ref())).collect();
        ranks(&values)
    }

    /// The backbones, in the order of their first column.
    pub(super) fn backbones(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.backbone.as_str()).unique()
    }

    /// The columns of one backbone, with their indices.
    pub(super) fn columns_of(&self, backbone: &str) -> impl Iterator<Item = (usize, &Column)> + Clone {
        self.columns.iter().enumerate().filter(move |(_, column)| column.backbone == backbone)
    }
}
