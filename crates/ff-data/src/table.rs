//! CSV files as people write them.

use std::path::{Path, PathBuf};

use crate::Error;

/// A CSV in memory: cells trimmed, a byte-order mark tolerated, columns found by name without regard to
/// case.
pub(crate) struct Table {
    path: PathBuf,
    columns: Vec<String>,
    records: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads a CSV with a header and at least one row.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let explain =
            |error: csv::Error| Error::dataset(path.display(), "a CSV in UTF-8", format!("a fault: {error}"));
        let columns: Vec<String> = reader.headers().map_err(explain)?.iter().map(str::to_owned).collect();
        for (index, name) in columns.iter().enumerate() {
            if columns[..index].iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(Error::dataset(
                    path.display(),
                    "columns of different names",
                    format!("two `{name}`"),
                ));
            }
        }
        let records = reader.records().collect::<Result<Vec<_>, _>>().map_err(explain)?;
        if records.is_empty() {
            return Err(Error::dataset(path.display(), "at least one row below the header", "none"));
        }
        Ok(Self { path: path.to_owned(), columns, records })
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
        self.records.iter().enumerate().map(|(index, record)| Row { table: self, record, index })
    }
}

/// One row of a [`Table`].
pub(crate) struct Row<'a> {
    table: &'a Table,
    record: &'a csv::StringRecord,
    index: usize,
}

impl<'a> Row<'a> {
    /// A cell; every row has as many as the header.
    pub fn cell(&self, column: usize) -> &'a str {
        &self.record[column]
    }

    /// The name of a column.
    pub fn column_name(&self, column: usize) -> &'a str {
        &self.table.columns[column]
    }

    /// The line of the file where the row starts; the header is line 1.
    pub fn number(&self) -> u64 {
        self.record.position().map_or(self.index as u64 + 2, csv::Position::line)
    }

    /// The file and row, for errors.
    pub fn place(&self) -> String {
        format!("{} row {}", self.table.place(), self.number())
    }
}
