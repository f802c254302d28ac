//! HAM10000: seven kinds of pigmented skin lesions, in the form of the Harvard Dataverse and in
//! that of the ISIC 2018 challenge (task 3).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Split, Target, Task};
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::files::{self, Listed};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{Images, find_file, require_file};
use crate::datasets::listing::Listing;
use crate::datasets::published::Published;
use crate::error::Error;
use crate::table::Table;

/// HAM10000: seven classes of pigmented skin lesions.
///
/// Reads the form of the Harvard Dataverse (`HAM10000_metadata` and images in any subfolders; a
/// lesion is a group; no official split) or that of the ISIC 2018 challenge
/// (`ISIC2018_Task3_*_{Input,GroundTruth}`, with the official splits). If both are there, ISIC's is
/// read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ham10000 {
    /// Folder of either form: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for Ham10000 {
    const KIND: &'static str = "ham10000";
    const TITLE: &'static str = "HAM10000";
    const LICENCE: Option<&'static str> = Some("CC BY-NC 4.0, with attribution as the page asks");
    const ACCESS: Access = Access::Browser(Steps {
        needs: "no login; to be downloaded with a browser.",
        at: &[
            "https://doi.org/10.7910/DVN/DBW86T (Harvard Dataverse)",
            "https://challenge.isic-archive.com/data/#2018 (ISIC 2018 Task 3: with the official test set)",
        ],
        note: "",
        place: &[
            "ROOT/HAM10000_metadata or HAM10000_metadata.csv",
            "ROOT/HAM10000_images_part_1/, ROOT/HAM10000_images_part_2/",
            "or ROOT/ISIC2018_Task3_{Training,Validation,Test}_Input/",
            "   ROOT/ISIC2018_Task3_{Training,Validation,Test}_GroundTruth/",
        ],
    });

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?)?, hashes)
    }

    fn published(&self, dataset: &dyn Dataset) -> Option<Published> {
        let official = dataset.samples().iter().any(|sample| sample.split.is_some());
        Some(if official { Published::split([10_015, 193, 1_512]) } else { Published::of(10_015) })
    }
}

/// ISIC's abbreviations, in the order of its tables. The Dataverse writes them in lower case.
const CLASSES: [&str; 7] = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"];

const PARTS: [(&str, Split); 3] =
    [("Training", Split::Train), ("Validation", Split::Val), ("Test", Split::Test)];

/// Lists the images of the form that is there; of ISIC's if both are.
fn read(root: &Path) -> Result<Listed, Error> {
    match root.join(ground_truth("Training")).is_dir() {
        true => isic(root),
        false => dataverse(root),
    }
}

fn task() -> Task {
    Task::Multiclass { classes: CLASSES.map(str::to_owned).to_vec() }
}

fn ground_truth(part: &str) -> String {
    format!("ISIC2018_Task3_{part}_GroundTruth")
}

/// Lists the images of `HAM10000_metadata` (CSV or tab-separated). All images of a lesion are a
/// group.
fn dataverse(root: &Path) -> Result<Listed, Error> {
    let names = ["HAM10000_metadata", "HAM10000_metadata.csv", "HAM10000_metadata.tab"];
    let what = format!("the table of diagnoses, or the folder {}", ground_truth("Training"));
    let table = Table::read(&require_file(root, &names, &what)?)?;
    let (image, lesion, dx) = (table.require("image_id")?, table.require("lesion_id")?, table.require("dx")?);
    let images = Images::below(root)?;
    let mut listing = Listing::default();
    for row in table.rows() {
        let (name, diagnosis) = (row.filled(image)?, row.filled(dx)?);
        let class = CLASSES.iter().position(|class| class.eq_ignore_ascii_case(diagnosis));
        let class = class.ok_or_else(|| {
            Error::dataset(row.place(), format!("one of {}", CLASSES.join(", ")), format!("`{diagnosis}`"))
        })?;
        let group = Some(row.filled(lesion)?.to_owned());
        let sample = Sample { id: name.to_owned(), target: Target::Class(class), group, split: None };
        listing.add(row.place(), sample, images.find(name)?)?;
    }
    listing.finish(task(), root.display(), "put the images below the dataset's folder, named <image_id>.jpg")
}

/// Lists the images of `ISIC2018_Task3_{Training,Validation,Test}_{Input,GroundTruth}`. Lesions are
/// groups if the challenge's table of them, `ISIC2018_Task3_Training_LesionGroupings.csv`, is
/// there.
fn isic(root: &Path) -> Result<Listed, Error> {
    let groupings = ["ISIC2018_Task3_Training_LesionGroupings.csv"];
    let lesions = match find_file(root, &groupings)? {
        Some(path) => Table::read(&path)?.by("image", "lesion_id")?,
        None => HashMap::new(),
    };
    let mut listing = Listing::default();
    for (part, split) in PARTS {
        let folder = root.join(ground_truth(part));
        if !folder.is_dir() {
            listing.note(format!("{} is missing: no {} split", folder.display(), split.name()));
            continue;
        }
        let table = format!("{}.csv", ground_truth(part));
        let table = Table::read(&require_file(&folder, &[&table], "the table of diagnoses")?)?;
        let image = table.require("image")?;
        let columns = CLASSES.iter().map(|class| table.require(class)).collect::<Result<Vec<_>, _>>()?;
        let images = Images::below(&root.join(format!("ISIC2018_Task3_{part}_Input")))?;
        for row in table.rows() {
            let name = row.filled(image)?;
            let mut positive = Vec::new();
            for (class, &column) in columns.iter().enumerate() {
                if row.whole(column, 1)? == Some(1) {
                    positive.push(class);
                }
            }
            let [class] = positive[..] else {
                let found = format!("{} for `{name}`", positive.len());
                return Err(Error::dataset(row.place(), "one class of seven marked 1", found));
            };
            let group = lesions.get(name).cloned();
            let sample =
                Sample { id: name.to_owned(), target: Target::Class(class), group, split: Some(split) };
            listing.add(row.place(), sample, images.find(name)?)?;
        }
    }
    listing.finish(task(), root.display(), "put the images in ISIC2018_Task3_*_Input/, named <image>.jpg")
}
