//! A CSV file that lists images and their labels.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Target, Task};
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::class_order::class_order;
use crate::datasets::files::{self, Listed};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::inside;
use crate::datasets::listing::Listing;
use crate::error::Error;
use crate::table::{Row, Table};

/// A CSV file that lists images and their labels.
///
/// For one class per image it has the columns `path,label`; for several labels per image it has
/// `path` and one column per label, with 1, 0, or blank for unknown. The columns `split` and
/// `group` (patient) are optional. Columns are found by name, ignoring case and surrounding blanks;
/// if there is a column `label`, other columns are ignored.
///
/// Image paths are relative to the folder of the CSV file and cannot leave it. A sample's id is its
/// path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The CSV file: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for Manifest {
    const KIND: &'static str = "manifest";
    const TITLE: &'static str = "images that a CSV lists";
    const PATH: &'static str = "labels.csv";
    const ACCESS: Access = Access::Own;

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?)?, hashes)
    }
}

/// Lists the images of the CSV file at `path`; see [`Manifest`] for the form.
fn read(path: &Path) -> Result<Listed, Error> {
    let table = Table::read(path)?;
    let root = path.parent().unwrap_or(Path::new(""));
    let files = table.require("path")?;
    let (split, group) = (table.column("split"), table.column("group"));
    let (task, targets) = match table.column("label") {
        Some(label) => multiclass(&table, label)?,
        None => multilabel(&table, &[Some(files), split, group])?,
    };
    let mut listing = Listing::default();
    let mut rows = HashMap::new();
    for (row, target) in table.rows().zip(targets) {
        let id = row.cell(files);
        let relative = inside(id).ok_or_else(|| {
            let expected = "the path of an image inside the CSV's folder";
            let hint = "move the CSV to a folder that holds all images";
            Error::dataset(row.place(), expected, format!("`{id}`")).hint(hint)
        })?;
        // One file under two spellings is one image.
        if let Some(earlier) = rows.insert(relative.clone(), row.number()) {
            let found = format!("`{id}` in row {earlier} too");
            return Err(Error::dataset(row.place(), "each image once", found));
        }
        let file = root.join(&relative);
        let sample = Sample {
            id: id.to_owned(),
            target,
            group: group.map(|column| row.cell(column)).filter(|cell| !cell.is_empty()).map(str::to_owned),
            split: split.map(|column| row.split(column, "a split: train, val or test")).transpose()?,
        };
        listing.add(row.place(), sample, file.is_file().then_some(file))?;
    }
    listing.finish(task, path.display(), "write paths relative to the folder of the CSV")
}

fn multiclass(table: &Table, label: usize) -> Result<(Task, Vec<Target>), Error> {
    for row in table.rows() {
        if row.cell(label).is_empty() {
            return Err(Error::dataset(row.place(), "a label", "a blank cell"));
        }
    }
    let classes = class_order(table.rows().map(|row| row.cell(label).to_owned()).collect());
    if let [class] = classes.as_slice() {
        let found = format!("only `{class}`");
        return Err(Error::dataset(table.place(), "two labels or more in the column `label`", found));
    }
    let index: BTreeMap<&str, usize> =
        classes.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let targets = table.rows().map(|row| Target::Class(index[row.cell(label)])).collect();
    Ok((Task::Multiclass { classes }, targets))
}

fn multilabel(table: &Table, others: &[Option<usize>]) -> Result<(Task, Vec<Target>), Error> {
    let columns: Vec<usize> =
        (0..table.columns().len()).filter(|column| !others.contains(&Some(*column))).collect();
    if columns.is_empty() {
        let found = format!("the columns {}", table.columns().join(", "));
        return Err(Error::dataset(table.place(), "a column `label`, or one column for each task", found));
    }
    let targets = table.rows().map(|row| {
        let known = columns.iter().map(|&column| known(&row, column));
        Ok(Target::Labels(known.collect::<Result<_, Error>>()?))
    });
    let targets = targets.collect::<Result<_, Error>>()?;
    let tasks = columns.iter().map(|&column| table.columns()[column].clone()).collect();
    Ok((Task::Multilabel { tasks }, targets))
}

fn known(row: &Row<'_>, column: usize) -> Result<Option<bool>, Error> {
    match row.cell(column) {
        "" => Ok(None),
        // Spreadsheet programs write 1.0 in a column with blanks.
        "0" | "0.0" => Ok(Some(false)),
        "1" | "1.0" => Ok(Some(true)),
        other => {
            let found = format!("`{other}` in the column `{}`", row.column_name(column));
            let hint = "without a column `label`, every column but path, split and group is a task";
            Err(Error::dataset(row.place(), "1, 0, or blank for unknown", found).hint(hint))
        }
    }
}
