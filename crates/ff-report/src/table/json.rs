//! Tables as JSON.

use serde::Serialize;

use crate::cost::Cost;
use crate::rank::Rank;
use crate::table::data::{Cell, Column, Table};

#[derive(Serialize)]
struct JsonTable<'a> {
    title: &'a str,
    columns: &'a [Column],
    rows: Vec<JsonRow<'a>>,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    method: &'a str,
    cells: Vec<JsonCell<'a>>,
    cost: &'a Cost,
}

#[derive(Serialize)]
struct JsonCell<'a> {
    #[serde(flatten)]
    cell: &'a Cell,
    rank: Option<Rank>,
    difference: Option<f64>,
    optimism: Option<f64>,
}

impl Table {
    /// Writes the table as JSON.
    ///
    /// Each cell also has its rank ("best", "second" or null), the difference from the paper and
    /// the optimism. The cells of a row are in the order of `columns`.
    pub fn to_json(&self) -> String {
        let ranks: Vec<_> = (0..self.columns().len()).map(|column| self.ranks(column)).collect();
        let rows = self.rows().iter().enumerate().map(|(nth, row)| JsonRow {
            method: &row.method,
            cells: row
                .cells
                .iter()
                .zip(&ranks)
                .map(|(cell, ranks)| JsonCell {
                    cell,
                    rank: ranks[nth],
                    difference: cell.difference(),
                    optimism: cell.optimism(),
                })
                .collect(),
            cost: &row.cost,
        });
        let table = JsonTable { title: self.title(), columns: self.columns(), rows: rows.collect() };
        serde_json::to_string_pretty(&table).expect("plain data has a JSON form")
    }
}
