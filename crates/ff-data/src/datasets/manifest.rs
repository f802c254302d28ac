//! A table that lists images and their labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Target, Task};
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::class_order::class_order;
use crate::datasets::files::{self, Listed};
use crate::datasets::hashes::FileHashes;
use crate::datasets::listing::Listing;
use crate::datasets::table_paths::TablePaths;
use crate::error::Error;
use crate::table::Table;

/// A CSV file, or the first sheet of an Excel file, that lists images and their labels.
///
/// For one class per image it has the columns `path,label`; for several labels per image it has
/// `path` and one column per label, with 1, 0, or blank for unknown. The columns `split` and
/// `group` (patient) are optional. Columns are found by name, ignoring case and surrounding blanks;
/// if there is a column `label`, other columns are ignored. Without `path`, the only column of
/// another usual name (`image`, `filename`, `image_path`, `id` and the like) names the images.
///
/// Image paths are relative to the folder of the CSV file. They may have backslashes, lack the
/// extension if one image has the name, or be absolute, but cannot leave the folder or, if the
/// folder is in it, the data root. A sample's id is its path relative to the folder, with `/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The CSV or Excel file: relative to the data root, or absolute.
    pub path: PathBuf,
    /// Columns that are facts on the images, such as sex, age, scanner or site: reports score by them.
    /// They are not tasks, and nothing is trained or selected by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
}

/// The hint where a cell of a task is neither 1, 0 nor blank.
const OTHER_COLUMNS: &str = "without a column `label`, every column but those of path, split, group and `attributes` is a \
    task; a column of classes is called `label`";

impl DatasetKind for Manifest {
    const KIND: &'static str = "manifest";
    const TITLE: &'static str = "images that a CSV lists";
    const PATH: &'static str = "labels.csv";
    const ACCESS: Access = Access::Own;

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(self.read(&within(data_root, &self.path)?, data_root)?, hashes)
    }
}

impl Manifest {
    /// Lists the images of the CSV file at `path`; see [`Manifest`] for the form.
    fn read(&self, path: &Path, data_root: &Path) -> Result<Listed, Error> {
        let table = Table::read(path)?;
        let files = table.images("path")?;
        let (split, group) = (table.column("split"), table.column("group"));
        let attributes: Vec<usize> =
            self.attributes.iter().map(|name| table.require(name)).collect::<Result<_, Error>>()?;
        let of_attributes = attributes.iter().copied().map(Some);
        let mut listing = Listing::default();
        let (task, targets) = match table.column("label") {
            Some(label) => {
                let read = [Some(files), Some(label), split].into_iter().chain(of_attributes);
                note_unread(&mut listing, &table, &read.collect::<Vec<_>>(), group);
                multiclass(&table, label)?
            }
            None => {
                let others = [Some(files), split, group].into_iter().chain(of_attributes);
                multilabel(&table, &others.collect::<Vec<_>>())?
            }
        };
        let mut paths = TablePaths::of(path, data_root);
        for (row, target) in table.rows().zip(targets) {
            let (id, file) = paths.find(row, files)?;
            let group = group.map(|column| row.cell(column)).filter(|cell| !cell.is_empty());
            let sample = Sample {
                id,
                target,
                group: group.map(str::to_owned),
                split: split.map(|column| row.split(column, "a split: train, val or test")).transpose()?,
            };
            listing.add(row.place(), sample, file)?;
        }
        let hint = listing.missing().map_or(String::new(), |id| paths.hint(id));
        let listed = listing.finish(task, path.display(), &hint)?;
        Ok(Listed {
            attributes: attributes.iter().map(|&column| table.attribute(column)).collect(),
            ..listed
        })
    }
}

/// Notes the columns that are not read, of which one may name the patient.
fn note_unread(listing: &mut Listing, table: &Table, read: &[Option<usize>], group: Option<usize>) {
    let columns = table.columns().iter().enumerate();
    let unread = columns.filter(|(column, name)| !read.contains(&Some(*column)) && !name.is_empty());
    let names: Vec<&str> = unread.map(|(_, name)| name.as_str()).collect();
    if group.is_none() && !names.is_empty() {
        let hint = "call the patient's column `group`, to keep patients in one split";
        listing.note(format!("columns that are not read: {}; {hint}", names.join(", ")));
    }
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
    // Data frames write their index as a column without a name.
    let named = |column: usize| !table.columns()[column].is_empty();
    let columns: Vec<usize> = (0..table.columns().len())
        .filter(|column| !others.contains(&Some(*column)) && named(*column))
        .collect();
    if columns.is_empty() {
        let found = format!("the columns {}", table.columns().join(", "));
        return Err(Error::dataset(table.place(), "a column `label`, or one column for each task", found));
    }
    let targets = table.rows().map(|row| {
        let known =
            columns.iter().map(|&column| row.label(column).map_err(|error| error.hint(OTHER_COLUMNS)));
        Ok(Target::Labels(known.collect::<Result<_, Error>>()?))
    });
    let targets = targets.collect::<Result<_, Error>>()?;
    let tasks = columns.iter().map(|&column| table.columns()[column].clone()).collect();
    Ok((Task::Multilabel { tasks }, targets))
}
