//! The table as data.

use ff_eval::{Metric, Score};
use serde::{Deserialize, Serialize};

use crate::rank::ranks;
use crate::{Error, Rank};

/// A backbone trained on a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// As it is to be printed, such as "ResNet50". Columns of one backbone are printed together.
    pub backbone: String,
    /// As it is to be printed, such as "HAM10000".
    pub dataset: String,
    /// The metric of every score in the column.
    pub metric: Metric,
    /// Datasets of another distribution that the same models are also scored on.
    pub ood: Vec<String>,
    /// Whether the column is one of the paper's: same backbone, dataset and recipe.
    pub paper: bool,
}

impl Column {
    pub(crate) fn name(&self) -> String {
        format!("{} on {}", self.backbone, self.dataset)
    }
}

/// What one method reached in one column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The metric on the validation split, by which the method selected.
    pub validation: Option<f64>,
    /// The score on the test split; `None` if there is none, and then `note` should say why.
    pub test: Option<Score>,
    /// The scores on the column's OOD sets, in its order. A set that could not be scored for a reason of its own, such
    /// as missing files, is a score whose value is undefined for that reason.
    pub ood: Vec<(String, Option<Score>)>,
    /// What a reader must know of the cell, such as "diverged" or "missing: EyePACS".
    pub note: Option<String>,
    /// The number the paper has here.
    pub paper: Option<f64>,
}

impl Cell {
    /// The test value less the paper's.
    pub fn difference(&self) -> Option<f64> {
        Some(self.test_value()? - self.paper?)
    }

    pub(crate) fn test_value(&self) -> Option<f64> {
        self.test.as_ref()?.value.value()
    }
}

/// What a method costs over all columns of the table, from the pretrained weights on, if it were run alone: work that
/// it shares with other methods counts for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Passes over a training split.
    pub training_epochs: u64,
    /// Images trained on.
    pub training_images: u64,
    /// Passes over a validation split, to select models or to score candidates for a soup.
    pub validation_passes: u64,
    /// Images of those passes.
    pub validation_images: u64,
    /// Seconds on the clock; `None` if not measured.
    pub wall_seconds: Option<f64>,
}

/// One method across all columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// As it is to be printed, such as "GoG"; unique in the table.
    pub method: String,
    /// One per column, in the table's order.
    pub cells: Vec<Cell>,
    /// What the method costs.
    pub cost: Cost,
}

/// Methods against columns, all fitting together.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    title: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Table {
    /// Puts rows under columns.
    ///
    /// # Errors
    /// A row without exactly one cell per column, OOD sets other than the column's, a score by another metric, or two
    /// rows of one name.
    pub fn new(title: impl Into<String>, columns: Vec<Column>, rows: Vec<Row>) -> Result<Table, Error> {
        for (at, row) in rows.iter().enumerate() {
            let method = || row.method.clone();
            if rows[..at].iter().any(|other| other.method == row.method) {
                return Err(Error::Duplicate { method: method() });
            }
            if row.cells.len() != columns.len() {
                return Err(Error::Cells {
                    method: method(),
                    expected: columns.len(),
                    found: row.cells.len(),
                });
            }
            for (cell, column) in row.cells.iter().zip(&columns) {
                if !cell.ood.iter().map(|(name, _)| name).eq(&column.ood) {
                    return Err(Error::Ood {
                        method: method(),
                        column: column.name(),
                        expected: column.ood.clone(),
                        found: cell.ood.iter().map(|(name, _)| name.clone()).collect(),
                    });
                }
                let scores = cell.test.iter().chain(cell.ood.iter().filter_map(|(_, score)| score.as_ref()));
                if let Some(score) = scores.into_iter().find(|score| score.metric != column.metric) {
                    return Err(Error::Metric {
                        method: method(),
                        column: column.name(),
                        expected: column.metric,
                        found: score.metric,
                    });
                }
            }
        }
        Ok(Table { title: title.into(), columns, rows })
    }

    /// What the table is called.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Its rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The mark of each row in one column, by test value. Equal values share a mark: the best may be several, and
    /// "second" is the next value below them.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn ranks(&self, column: usize) -> Vec<Option<Rank>> {
        let values: Vec<_> = self.rows.iter().map(|row| row.cells[column].test_value()).collect();
        ranks(&values, self.columns[column].metric.higher_is_better())
    }

    /// The backbones, in the order of their first column.
    pub(crate) fn backbones(&self) -> Vec<&str> {
        let mut backbones: Vec<&str> = Vec::new();
        for column in &self.columns {
            if !backbones.contains(&column.backbone.as_str()) {
                backbones.push(&column.backbone);
            }
        }
        backbones
    }

    /// The columns of one backbone, with their indices.
    pub(crate) fn columns_of(&self, backbone: &str) -> impl Iterator<Item = (usize, &Column)> + Clone {
        self.columns.iter().enumerate().filter(move |(_, column)| column.backbone == backbone)
    }
}
