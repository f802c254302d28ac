//! HAM10000: seven kinds of pigmented skin lesions, in the form of the Harvard Dataverse and in that of the ISIC
//! 2018 challenge (task 3).

use std::collections::HashMap;
use std::path::Path;

use super::files::Listed;
use super::images::{Images, find_file, require_file};
use super::listing::Listing;
use crate::dataset::{Sample, Split, Target, Task};
use crate::error::Error;
use crate::table::Table;

/// ISIC's abbreviations, in the order of its tables. The Dataverse writes them in lower case.
const CLASSES: [&str; 7] = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"];

const PARTS: [(&str, Split); 3] =
    [("Training", Split::Train), ("Validation", Split::Val), ("Test", Split::Test)];

/// Opens whichever form is there; ISIC's, with its official splits, if both are.
pub fn open(root: &Path) -> Result<Listed, Error> {
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

/// `HAM10000_metadata` (CSV or tab-separated) and images below the root. All images of a lesion are a group.
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
    listing.finish(task(), root.display(), "images are looked for in all folders, as <image_id>.jpg")
}

/// `ISIC2018_Task3_{Training,Validation,Test}_{Input,GroundTruth}`. Lesions are groups where the challenge's
/// table of them, `ISIC2018_Task3_Training_LesionGroupings.csv`, is there.
fn isic(root: &Path) -> Result<Listed, Error> {
    let groupings = ["ISIC2018_Task3_Training_LesionGroupings.csv"];
    let lesions = match find_file(root, &groupings)? {
        Some(path) => lesions(&path)?,
        None => HashMap::new(),
    };
    let mut listing = Listing::default();
    for (part, split) in PARTS {
        let folder = root.join(ground_truth(part));
        if !folder.is_dir() {
            listing.note(format!("{} is not there: no {} split", folder.display(), split.name()));
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
    listing.finish(task(), root.display(), "images are looked for in ISIC2018_Task3_*_Input/, as <image>.jpg")
}

fn lesions(path: &Path) -> Result<HashMap<String, String>, Error> {
    let table = Table::read(path)?;
    let (image, lesion) = (table.require("image")?, table.require("lesion_id")?);
    Ok(table.rows().map(|row| (row.cell(image).to_owned(), row.cell(lesion).to_owned())).collect())
}
