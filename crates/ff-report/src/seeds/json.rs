//! Tables over seeds as JSON.

use ff_eval::{PairedDifference, Spread};
use serde::Serialize;

use crate::cost::Cost;
use crate::rank::Rank;
use crate::seeds::data::{SeedCell, SeedColumn};
use crate::seeds::table::SeedTable;

#[derive(Serialize)]
struct JsonTable<'a> {
    title: &'a str,
    columns: &'a [SeedColumn],
    rows: Vec<JsonRow<'a>>,
    baseline: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    method: &'a str,
    paper_row: Option<&'a str>,
    cells: Vec<JsonCell<'a>>,
    cost: &'a Cost,
}

#[derive(Serialize)]
struct JsonCell<'a> {
    #[serde(flatten)]
    cell: &'a SeedCell,
    validation: Option<Spread>,
    test: Option<Spread>,
    rank: Option<Rank>,
    difference: Option<PairedDifference>,
    paper: Option<f64>,
}

impl SeedTable {
    /// Writes the table as JSON.
    ///
    /// Each cell has its runs, and computed from them: mean and standard deviation, rank ("best",
    /// "second" or null), the paired difference from the baseline (null in the baseline itself),
    /// and the paper's number. The cells of a row are in the order of `columns`.
    pub fn to_json(&self) -> String {
        let ranks: Vec<_> = (0..self.columns().len()).map(|column| self.ranks(column)).collect();
        let rows = self.rows().iter().enumerate().map(|(nth, row)| {
            let cells = row.cells.iter().enumerate().map(|(at, cell)| JsonCell {
                cell,
                validation: cell.validation(),
                test: cell.test(),
                rank: ranks[at][nth],
                difference: self
                    .baseline()
                    .filter(|baseline| baseline.method != row.method)
                    .and_then(|baseline| cell.difference(&baseline.cells[at])),
                paper: self.published(row, &self.columns()[at]).map(|of| of.mean()),
            });
            let cells = cells.collect();
            JsonRow { method: &row.method, paper_row: row.paper_row.as_deref(), cells, cost: &row.cost }
        });
        let table = JsonTable {
            title: self.title(),
            columns: self.columns(),
            rows: rows.collect(),
            baseline: self.baseline().map(|row| row.method.as_str()),
        };
        serde_json::to_string_pretty(&table).expect("plain data has a JSON form")
    }
}
