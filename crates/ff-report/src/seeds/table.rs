//! A table over seeds, as data.

use itertools::Itertools;

use crate::error::Error;
use crate::published::{INMERGE, Published};
use crate::rank::{Rank, ranks};
use crate::seeds::check::check;
use crate::seeds::data::{SeedColumn, SeedRow};

/// Methods against columns, each method run with several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedTable {
    title: String,
    columns: Vec<SeedColumn>,
    rows: Vec<SeedRow>,
    baseline: Option<usize>,
}

impl SeedTable {
    /// Puts rows under columns; `baseline` is the row with which the others are compared.
    ///
    /// # Errors
    /// A row without exactly one cell per column, two rows of one name, two runs of one seed in a
    /// cell, a score by another metric or with other tasks than the column's, a baseline that is no
    /// row, or a column or row that is said to be the paper's and is not, its metric included.
    pub fn new(
        title: impl Into<String>,
        columns: Vec<SeedColumn>,
        rows: Vec<SeedRow>,
        baseline: Option<usize>,
    ) -> Result<SeedTable, Error> {
        check(&columns, &rows, baseline)?;
        Ok(SeedTable { title: title.into(), columns, rows, baseline })
    }

    /// What the table is called.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its columns.
    pub fn columns(&self) -> &[SeedColumn] {
        &self.columns
    }

    /// Its rows.
    pub fn rows(&self) -> &[SeedRow] {
        &self.rows
    }

    /// The names of its rows.
    pub(super) fn methods(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.method.as_str())
    }

    /// The row with which the others are compared.
    pub fn baseline(&self) -> Option<&SeedRow> {
        self.baseline.map(|row| &self.rows[row])
    }

    /// The mark of each row in one column, by its mean test value, however many seeds it has. Equal
    /// values share a mark: the best may be several, and "second" is the next value below them.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn ranks(&self, column: usize) -> Vec<Option<Rank>> {
        let mean = |row: &SeedRow| row.cells[column].test().map(|spread| spread.mean);
        ranks(&self.rows.iter().map(mean).collect::<Vec<_>>())
    }

    /// The backbones, in the order of their first column.
    pub(super) fn backbones(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.backbone.as_str()).unique()
    }

    /// The columns of one backbone, with their indices.
    pub(super) fn columns_of(&self, backbone: &str) -> impl Iterator<Item = (usize, &SeedColumn)> + Clone {
        self.columns.iter().enumerate().filter(move |(_, column)| column.backbone == backbone)
    }

    /// What the paper has for a row in a column.
    pub(super) fn published(&self, row: &SeedRow, column: &SeedColumn) -> Option<Published> {
        INMERGE.value(&column.architecture, row.paper_row.as_deref()?, &column.published_dataset()?.label)
    }
}
