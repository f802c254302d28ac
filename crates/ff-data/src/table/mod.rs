//! Tables as people write them: CSV, gzipped or not, and the old Excel form.

mod read;
mod xls;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A table in memory: cells trimmed, columns found by name without regard to case.
pub(crate) struct Table {
    path: PathBuf,
    columns: Vec<String>,
    records: Vec<Record>,
}

/// The cells of a row, one for each column, and where it stands.
struct Record {
    cells: csv::StringRecord,
    number: u64,
}

impl Table {
    /// Reads a table with a header and at least one row: `.csv` with commas, semicolons or tabs between its
    /// cells, in UTF-8 (with or without a byte-order mark) or Latin-1, gzipped if it ends in `.gz`; or `.xls` of at
    /// most 1 MiB, of which the first sheet counts.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Dataset`] naming the row.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (columns, records) = read::read(path)?;
        let table = Self { path: path.to_owned(), columns, records };
        table.check()?;
        Ok(table)
    }

    fn check(&self) -> Result<(), Error> {
        let mut names = HashSet::new();
        for name in &self.columns {
            if !name.is_empty() && !names.insert(name.to_ascii_lowercase()) {
                return Err(Error::dataset(
                    self.place(),
                    "columns of different names",
                    format!("two `{name}`"),
                ));
            }
        }
        if self.records.is_empty() {
            return Err(Error::dataset(self.place(), "at least one row below the header", "none"));
        }
        Ok(())
    }

    /// The file, for errors.
    pub fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The index of a column, if it is there.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    /// The index of a column that must be there.
    pub fn require(&self, name: &str) -> Result<usize, Error> {
        self.column(name).ok_or_else(|| {
            let found = format!("the columns {}", self.columns.join(", "));
            Error::dataset(self.place(), format!("a column `{name}`"), found)
        })
    }

    /// The rows below the header.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.records.iter().map(|record| Row { table: self, record })
    }
}

/// One row of a [`Table`].
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    table: &'a Table,
    record: &'a Record,
}

impl<'a> Row<'a> {
    /// A cell; every row has as many as the header.
    pub fn cell(&self, column: usize) -> &'a str {
        &self.record.cells[column]
    }

    /// A cell that must not be blank.
    pub fn filled(&self, column: usize) -> Result<&'a str, Error> {
        match self.cell(column) {
            "" => {
                let expected = format!("a value in the column `{}`", self.column_name(column));
                Err(Error::dataset(self.place(), expected, "a blank cell"))
            }
            cell => Ok(cell),
        }
    }

    /// A whole number of 0 to `last`, or blank. A table program writes `3.0` where a column has blanks.
    pub fn whole(&self, column: usize, last: usize) -> Result<Option<usize>, Error> {
        let cell = self.cell(column);
        if cell.is_empty() {
            return Ok(None);
        }
        let digits = cell.split_once('.').filter(|(_, rest)| rest.bytes().all(|digit| digit == b'0'));
        let number = digits.map_or(cell, |(digits, _)| digits).parse().ok();
        number.filter(|&number| number <= last).map(Some).ok_or_else(|| {
            let found = format!("`{cell}` in the column `{}`", self.column_name(column));
            Error::dataset(self.place(), format!("a whole number of 0 to {last}"), found)
        })
    }

    /// The name of a column.
    pub fn column_name(&self, column: usize) -> &'a str {
        &self.table.columns[column]
    }

    /// The line of the file where the row starts; the header is line 1.
    pub fn number(&self) -> u64 {
        self.record.number
    }

    /// The file and row, for errors.
    pub fn place(&self) -> String {
        format!("{} row {}", self.table.place(), self.number())
    }
}
