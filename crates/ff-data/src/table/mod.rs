//! Reads tables: CSV, gzipped or not, and Excel's `.xls` and `.xlsx`.

mod read;
mod xls;
mod xlsx;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::dataset::{Attribute, Split};
use crate::error::Error;

/// Usual names of a column that names an image in each row.
const IMAGE_COLUMNS: [&str; 13] = [
    "path",
    "image",
    "image_path",
    "img_path",
    "filename",
    "file_name",
    "file",
    "filepath",
    "file_path",
    "image_name",
    "image_id",
    "id_code",
    "id",
];

/// A table in memory. Cells are trimmed; columns are found by name, ignoring case.
pub(crate) struct Table {
    path: PathBuf,
    columns: Vec<String>,
    records: Vec<StringRecord>,
}

impl Table {
    /// Reads a table with a header and at least one row: CSV with commas, semicolons, tabs or bars,
    /// in UTF-8, UTF-16 (with a byte-order mark) or Latin-1, gzipped or not; or the first sheet of
    /// an `.xls` file of at most 1 MiB or of an `.xlsx` file. The content tells which.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Dataset`] naming the row.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (columns, records) = read::read(path)?;
        let wrong = |expected: &str, found: String| Err(Error::dataset(path.display(), expected, found));
        let mut names = HashSet::new();
        let mut named = columns.iter().filter(|name| !name.is_empty());
        if let Some(name) = named.find(|name| !names.insert(name.to_ascii_lowercase())) {
            return wrong("columns of different names", format!("two `{name}`"));
        }
        if records.is_empty() {
            return wrong("at least one row below the header", "none".to_owned());
        }
        Ok(Self { path: path.to_owned(), columns, records })
    }

    /// Returns the file, for errors.
    pub fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Returns the names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the index of a column, if there is one of the name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    /// Returns the index of a column that must exist.
    pub fn require(&self, name: &str) -> Result<usize, Error> {
        self.column(name).ok_or_else(|| {
            let found = format!("the columns {}", self.columns.join(", "));
            Error::dataset(self.place(), format!("a column `{name}`"), found)
        })
    }

    /// Returns the index of the column `name`, which names an image in each row. Without it, the
    /// only column of another usual name counts.
    pub fn images(&self, name: &str) -> Result<usize, Error> {
        if let Some(column) = self.column(name) {
            return Ok(column);
        }
        let usual: Vec<usize> = IMAGE_COLUMNS.iter().filter_map(|name| self.column(name)).collect();
        let hint = format!("rename the column that names the images to `{name}`");
        match usual[..] {
            [column] => Ok(column),
            [] => self.require(name).map_err(|error| error.hint(hint)),
            [first, second, ..] => {
                let found = format!("both `{}` and `{}`", self.columns[first], self.columns[second]);
                let expected = format!("a column `{name}`, or one column of another usual name");
                Err(Error::dataset(self.place(), expected, found).hint(hint))
            }
        }
    }

    /// Returns the cells of column `value` by those of column `key`; of equal keys the last counts.
    pub fn by(&self, key: &str, value: &str) -> Result<HashMap<String, String>, Error> {
        let (key, value) = (self.require(key)?, self.require(value)?);
        Ok(self.rows().map(|row| (row.cell(key).to_owned(), row.cell(value).to_owned())).collect())
    }

    /// Returns a column as a fact on each row.
    pub fn attribute(&self, column: usize) -> Attribute {
        let values = self.rows().map(|row| row.known(column)).collect();
        Attribute { name: self.columns[column].clone(), values }
    }

    /// Returns the rows below the header.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.records.iter().map(|record| Row { table: self, record })
    }
}

/// One row of a [`Table`].
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    table: &'a Table,
    record: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// Returns a cell; every row has as many cells as the header.
    pub fn cell(&self, column: usize) -> &'a str {
        &self.record[column]
    }

    /// Returns the text of a cell; `None` for a blank one.
    pub fn known(&self, column: usize) -> Option<String> {
        Some(self.cell(column)).filter(|cell| !cell.is_empty()).map(str::to_owned)
    }

    /// Parses the label of a task; a blank cell is `None`. Spreadsheet programs write 1.0 in a column
    /// with blanks.
    pub fn label(&self, column: usize) -> Result<Option<bool>, Error> {
        match self.cell(column) {
            "" => Ok(None),
            "0" | "0.0" => Ok(Some(false)),
            "1" | "1.0" => Ok(Some(true)),
            other => {
                let found = format!("`{other}` in the column `{}`", self.column_name(column));
                Err(Error::dataset(self.place(), "1, 0, or blank for unknown", found))
            }
        }
    }

    /// Returns a cell that must not be blank.
    pub fn filled(&self, column: usize) -> Result<&'a str, Error> {
        match self.cell(column) {
            "" => {
                let expected = format!("a value in the column `{}`", self.column_name(column));
                Err(Error::dataset(self.place(), expected, "a blank cell"))
            }
            cell => Ok(cell),
        }
    }

    /// Parses a whole number of 0 to `last`; a blank cell is `None`. Spreadsheet programs write
    /// `3.0` in a column with blanks.
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

    /// Parses a split; `expected` describes it in an error.
    pub fn split(&self, column: usize, expected: &str) -> Result<Split, Error> {
        let cell = self.cell(column);
        let split = Split::from_name(cell);
        split.ok_or_else(|| Error::dataset(self.place(), expected, format!("`{cell}`")))
    }

    /// Returns the name of a column.
    pub fn column_name(&self, column: usize) -> &'a str {
        &self.table.columns[column]
    }

    /// Returns the line of the file where the row starts; the header is line 1.
    pub fn number(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// Returns the file and row, for errors.
    pub fn place(&self) -> String {
        format!("{} row {}", self.table.place(), self.number())
    }
}
