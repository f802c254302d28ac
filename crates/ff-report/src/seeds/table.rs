//! The data of a table over seeds.

use itertools::Itertools;

use crate::error::Error;
use crate::published::{INMERGE, Published};
use crate::rank::{Rank, ranks};
use crate::seeds::check::check;
use crate::seeds::data::{SeedCell, SeedColumn, SeedRow};

/// A table of methods and columns, each method run with several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedTable {
    title: String,
    columns: Vec<SeedColumn>,
    rows: Vec<SeedRow>,
    baseline: Option<usize>,
}

impl SeedTable {
    /// Creates a table; `baseline` is the index of the row that the others are compared with.
    ///
    /// # Errors
    /// [`Error::Cells`] for a row without exactly one cell for each column, [`Error::Duplicate`]
    /// for two rows with the same name, [`Error::Seed`] for two runs of one seed in a cell,
    /// [`Error::Metric`] and [`Error::Tasks`] for a score that does not match its column,
    /// [`Error::Baseline`] for a baseline that is not a row, [`Error::NotPublished`] for a column,
    /// its metric or a row that the paper does not have.
    pub fn new(
        title: impl Into<String>,
        columns: Vec<SeedColumn>,
        rows: Vec<SeedRow>,
        baseline: Option<usize>,
    ) -> Result<SeedTable, Error> {
        check(&columns, &rows, baseline)?;
        Ok(SeedTable { title: title.into(), columns, rows, baseline })
    }

    /// The title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The columns.
    pub fn columns(&self) -> &[SeedColumn] {
        &self.columns
    }

    /// The rows.
    pub fn rows(&self) -> &[SeedRow] {
        &self.rows
    }

    /// The names of the rows.
    pub(super) fn methods(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.method.as_str())
    }

    /// The row that the others are compared with.
    pub fn baseline(&self) -> Option<&SeedRow> {
        self.baseline.map(|row| &self.rows[row])
    }

    /// The mark of each row in one column, by its mean test value over any number of seeds.
    ///
    /// Equal values share a mark: several rows may be the best, and the second best is the next
    /// lower value. A method of which a model tells no test samples apart has none.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn ranks(&self, column: usize) -> Vec<Option<Rank>> {
        let mean = |cell: &SeedCell| cell.test().filter(|_| !cell.chance().collapsed).map(|of| of.mean);
        ranks(&self.rows.iter().map(|row| mean(&row.cells[column])).collect::<Vec<_>>())
    }

    /// The backbones, in the order of their first column.
    pub(super) fn backbones(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.backbone.as_str()).unique()
    }

    /// The columns of one backbone, with their indices.
    pub(super) fn columns_of(&self, backbone: &str) -> impl Iterator<Item = (usize, &SeedColumn)> + Clone {
        self.columns.iter().enumerate().filter(move |(_, column)| column.backbone == backbone)
    }

    /// The paper's number for a row in a column.
    pub(super) fn published(&self, row: &SeedRow, column: &SeedColumn) -> Option<Published> {
        INMERGE.value(&column.architecture, row.paper_row.as_deref()?, &column.published_dataset()?.label)
    }
}
