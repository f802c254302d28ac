//! NIH ChestX-ray14: 112,120 frontal chest radiographs with 14 findings.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Split, Target, Task};
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::files::{self, Listed};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{Images, find_file, named, require_file};
use crate::datasets::listing::Listing;
use crate::datasets::published::Published;
use crate::error::Error;
use crate::table::{Row, Table};

/// NIH ChestX-ray14: frontal chest radiographs with 14 findings, multilabel. A patient is a group.
///
/// Reads `Data_Entry_2017_v2020.csv` or `Data_Entry_2017.csv` with the NIH's lists of the splits,
/// or a CSV with a column `fold`. Images may be in any subfolders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Chestxray14 {
    /// Folder of the tables and images: relative to the data root, or absolute.
    pub path: PathBuf,
    /// Where the split comes from: required if both the lists and the folds are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_source: Option<SplitSource>,
}

impl DatasetKind for Chestxray14 {
    const KIND: &'static str = "chestxray14";
    const TITLE: &'static str = "NIH ChestX-ray14";
    const LICENCE: Option<&'static str> =
        Some("free use, with the NIH Clinical Center named and the CVPR 2017 paper cited");
    const ACCESS: Access = Access::Browser(Steps {
        needs: "no login; 42 GB, to be downloaded with a browser.",
        at: &["https://nihcc.app.box.com/v/ChestXray-NIHCC"],
        note: "",
        place: &[
            "ROOT/Data_Entry_2017.csv or Data_Entry_2017_v2020.csv",
            "ROOT/train_val_list.txt, ROOT/test_list.txt",
            "ROOT/images_001/images/*.png to images_012, or images_NNN/*.png, or all images in ROOT/images/",
        ],
    });

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?, self.split_source)?, hashes)
    }

    fn published(&self, dataset: &dyn Dataset) -> Option<Published> {
        // Only the folds have a validation set.
        let folds = self.split_source != Some(SplitSource::Lists)
            && dataset.samples().iter().any(|sample| sample.split == Some(Split::Val));
        Some(if folds { Published::split([78_468, 11_219, 22_433]) } else { Published::of(112_120) })
    }
}

#[rustfmt::skip]
const TASKS: [&str; 14] = [
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
];
const NO_FINDING: &str = "No Finding";

/// Where the split of ChestX-ray14 comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SplitSource {
    /// The NIH's lists `train_val_list.txt` and `test_list.txt`: 86,524 and 25,596 images. They do
    /// not separate train and val; split these with `kind = "ratio"` and `test = 0.0`.
    Lists,
    /// A CSV with a column for each label and one named `fold`: 78,468, 11,219 and 22,433 images,
    /// the split that reproductions of CheXNet and the authors of InMerge use.
    Folds,
}

/// Lists the images with the split of `split_source` or, if it is absent, whichever is there.
fn read(root: &Path, split_source: Option<SplitSource>) -> Result<Listed, Error> {
    let folds = folds(root)?;
    let entries = find_file(root, &["Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"])?;
    let lists = entries.filter(|_| root.join("test_list.txt").is_file() || folds.is_none());
    match (split_source, folds, lists) {
        (None, Some(folds), Some(_)) => {
            let found = format!("both: {} and the NIH's lists", folds.place());
            let hint = "set `split_source = \"folds\"` or `split_source = \"lists\"`";
            Err(Error::dataset(root.display(), "one split of ChestX-ray14", found).hint(hint))
        }
        (None | Some(SplitSource::Folds), Some(folds), _) => from_folds(root, &folds),
        (None | Some(SplitSource::Lists), _, Some(entries)) => from_entries(root, &entries),
        (Some(SplitSource::Folds), None, _) => {
            let expected = "a CSV with the columns `Image Index`, `fold` and one for each finding";
            Err(Error::dataset(root.display(), expected, "none"))
        }
        (_, _, None) => {
            let expected = "Data_Entry_2017_v2020.csv or Data_Entry_2017.csv, or a CSV with a column `fold`";
            Err(Error::dataset(root.display(), expected, "no such file"))
        }
    }
}

/// Returns the CSV that has a column `fold`, if there is one.
fn folds(root: &Path) -> Result<Option<Table>, Error> {
    for path in named(root, |name| name.ends_with(".csv") && !name.starts_with("data_entry"))? {
        let table = Table::read(&path)?;
        if table.column("fold").is_some() && table.column("Image Index").is_some() {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

fn from_folds(root: &Path, table: &Table) -> Result<Listed, Error> {
    let fold = table.require("fold")?;
    let spelt = |task: &str| table.column(task).or_else(|| table.column(&task.replace('_', " ")));
    let columns: Vec<usize> = TASKS
        .iter()
        .map(|task| spelt(task).map_or_else(|| table.require(task), Ok))
        .collect::<Result<_, _>>()?;
    let mut listing = Listing::default();
    listing.note(format!("split: the folds of {}", table.place()));
    collect(root, table, listing, |row| {
        let split = row.split(fold, "a fold: train, val or test")?;
        let label = |&column: &usize| Ok(row.whole(column, 1)?.map(|value| value == 1));
        let labels = columns.iter().map(label).collect::<Result<_, Error>>()?;
        Ok((Target::Labels(labels), Some(split)))
    })
}

fn from_entries(root: &Path, path: &Path) -> Result<Listed, Error> {
    let table = Table::read(path)?;
    let (image, findings) = (table.require("Image Index")?, table.require("Finding Labels")?);
    let lists = find_file(root, &["test_list.txt"])?.is_some();
    let mut listing = Listing::default();
    let (train_val, test) = match lists {
        true => {
            listing.note("split: the NIH's lists, train_val_list.txt and test_list.txt");
            (names(root, "train_val_list.txt")?, names(root, "test_list.txt")?)
        }
        false => {
            listing.note("split: none, since test_list.txt is missing");
            Default::default()
        }
    };
    collect(root, &table, listing, |row| {
        let name = row.cell(image);
        let split = match (train_val.contains(name), test.contains(name)) {
            (false, true) => Some(Split::Test),
            (true, false) => None,
            (false, false) if !lists => None,
            (both, _) => {
                let found = format!("`{name}` in {}", if both { "both" } else { "neither" });
                return Err(Error::dataset(row.place(), "the image in one of the lists", found));
            }
        };
        let mut labels = vec![Some(false); TASKS.len()];
        for finding in
            row.filled(findings)?.split('|').map(str::trim).filter(|finding| *finding != NO_FINDING)
        {
            let task = TASKS.iter().position(|task| *task == finding).ok_or_else(|| {
                let expected = format!("findings of {} or {NO_FINDING}", TASKS.join(", "));
                Error::dataset(row.place(), expected, format!("`{finding}`"))
            })?;
            labels[task] = Some(true);
        }
        Ok((Target::Labels(labels), split))
    })
}

/// Lists the image of every row, with the target and split that `read` returns.
fn collect(
    root: &Path,
    table: &Table,
    mut listing: Listing,
    read: impl Fn(&Row<'_>) -> Result<(Target, Option<Split>), Error>,
) -> Result<Listed, Error> {
    let (image, patient) = (table.require("Image Index")?, table.column("Patient ID"));
    let images = Images::below(root)?;
    for row in table.rows() {
        let name = row.filled(image)?;
        let (target, split) = read(&row)?;
        // An image's name starts with its patient's number: 00000001_000.png.
        let number = patient.map(|column| row.cell(column)).filter(|cell| !cell.is_empty());
        let number = number.unwrap_or_else(|| name.split('_').next().unwrap_or(name));
        let group = Some(number.trim_start_matches('0').to_owned());
        let sample = Sample { id: name.to_owned(), target, group, split };
        listing.add(row.place(), sample, images.find(name)?)?;
    }
    let task = Task::Multilabel { tasks: TASKS.map(str::to_owned).to_vec() };
    listing.finish(
        task,
        root.display(),
        "put the images below the dataset's folder, named as in the column `Image Index`",
    )
}

/// Returns the lines of a list.
fn names(root: &Path, list: &str) -> Result<HashSet<String>, Error> {
    let path = require_file(root, &[list], "a list of images")?;
    let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
