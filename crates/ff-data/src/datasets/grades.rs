//! Grades of diabetic retinopathy: APTOS 2019, EyePACS, Messidor and Messidor-2.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::files::Listed;
use super::images::{Images, find_file, require_file, walk};
use super::listing::Listing;
use crate::dataset::{Sample, Target, Task};
use crate::error::Error;
use crate::table::Table;

/// Grades from 0 to `last`, by their numbers.
fn grades(last: usize) -> Task {
    Task::Multiclass { classes: (0..=last).map(|grade| grade.to_string()).collect() }
}

fn sample(id: &str, grade: usize, group: Option<String>) -> Sample {
    Sample { id: id.to_owned(), target: Target::Class(grade), group, split: None }
}

/// Asia Pacific Tele-Ophthalmology Society 2019: `train.csv` and `train_images/`.
pub fn aptos2019(root: &Path) -> Result<Listed, Error> {
    let table = Table::read(&require_file(root, &["train.csv"], "the table of grades")?)?;
    let images = Images::below(&root.join("train_images"))?;
    let (id, grade) = (table.require("id_code")?, table.require("diagnosis")?);
    let mut listing = Listing::default();
    for row in table.rows() {
        let name = row.filled(id)?;
        let grade = row.whole(grade, 4)?.ok_or_else(|| blank_grade(&row.place()))?;
        listing.add(row.place(), sample(name, grade, None), images.find(name)?)?;
    }
    listing.finish(grades(4), root.display(), "images are looked for in train_images/, as <id_code>.png")
}

/// The Kaggle competition of 2015: `trainLabels.csv`, and `retinopathy_solution.csv` for what was its test set.
/// Both eyes of a patient are a group.
pub fn eyepacs(root: &Path) -> Result<Listed, Error> {
    let mut tables = vec![Table::read(&require_file(root, &["trainLabels.csv"], "the table of grades")?)?];
    let mut listing = Listing::default();
    match find_file(root, &["retinopathy_solution.csv"])? {
        Some(path) => tables.push(Table::read(&path)?),
        None => listing.note("retinopathy_solution.csv is not there: only the images of trainLabels.csv"),
    }
    let images = Images::below(root)?;
    for table in &tables {
        let (image, level) = (table.require("image")?, table.require("level")?);
        for row in table.rows() {
            let name = row.filled(image)?;
            let patient = ["_left", "_right"].iter().find_map(|eye| name.strip_suffix(eye));
            let patient = patient.filter(|patient| !patient.is_empty()).ok_or_else(|| {
                Error::dataset(row.place(), "an image <patient>_left or <patient>_right", format!("`{name}`"))
            })?;
            let grade = row.whole(level, 4)?.ok_or_else(|| blank_grade(&row.place()))?;
            listing.add(row.place(), sample(name, grade, Some(patient.to_owned())), images.find(name)?)?;
        }
    }
    listing.finish(grades(4), root.display(), "images are looked for in all folders, as <patient>_left.jpeg")
}

/// Messidor: one annotation table for each of twelve bases, `.xls` or its conversion to CSV. Where a base has a
/// table whose name goes on after the number (`Annotation_Base11_update.xls`), that one counts.
pub fn messidor(root: &Path) -> Result<Listed, Error> {
    let mut bases: BTreeMap<String, Vec<(bool, bool, std::path::PathBuf)>> = BTreeMap::new();
    let files = walk(root)?;
    for path in &files {
        let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().to_ascii_lowercase());
        let Some((stem, extension)) = name.rsplit_once('.') else { continue };
        let Some(rest) = stem.strip_prefix("annotation_base").filter(|rest| rest.len() >= 2) else {
            continue;
        };
        if let (true, Some(base), Some(suffix)) =
            (["xls", "csv"].contains(&extension), rest.get(..2), rest.get(2..))
        {
            let updated = suffix.contains("update");
            bases.entry(base.to_owned()).or_default().push((updated, extension == "xls", path.clone()));
        }
    }
    if bases.is_empty() {
        let expected = "tables of grades (Annotation_Base11.xls and so on, or .csv)";
        return Err(Error::dataset(root.display(), expected, "none"));
    }
    let images = Images::among(files, root);
    let mut listing = Listing::default();
    if bases.len() < 12 {
        let names: Vec<&str> = bases.keys().map(String::as_str).collect();
        listing.note(format!("only the bases {} of 12", names.join(", ")));
    }
    for mut tables in bases.into_values() {
        tables.sort();
        let (updated, _, path) = tables.pop().expect("a base has a table");
        if updated && !tables.is_empty() {
            listing.note(format!("{} in place of the table that it corrects", path.display()));
        }
        let table = Table::read(&path)?;
        let (image, grade) = (table.require("Image name")?, table.require("Retinopathy grade")?);
        for row in table.rows() {
            let name = row.filled(image)?;
            let grade = row.whole(grade, 3)?.ok_or_else(|| blank_grade(&row.place()))?;
            listing.add(row.place(), sample(name, grade, None), images.find(name)?)?;
        }
    }
    listing.finish(grades(3), root.display(), "images are looked for in all folders, as <Image name>")
}

/// Messidor-2 with the adjudicated grades; ungraded images are left out. Both images of an examination are a
/// group where the table of pairs, `messidor-2.csv`, is there.
pub fn messidor2(root: &Path) -> Result<Listed, Error> {
    let path = require_file(root, &["messidor_data.csv"], "the table of grades")?;
    let table = Table::read(&path)?;
    let either = |a: &str, b: &str| table.column(a).map_or_else(|| table.require(b), Ok);
    let id = either("id_code", "image_id")?;
    let grade = either("diagnosis", "adjudicated_dr_grade")?;
    let pairs = match find_file(root, &["messidor-2.csv"])? {
        Some(path) => pairs(&path)?,
        None => HashMap::new(),
    };
    let images = Images::below(root)?;
    let mut listing = Listing::default();
    let mut ungraded = 0;
    for row in table.rows() {
        let name = row.filled(id)?;
        let Some(grade) = row.whole(grade, 4)? else {
            ungraded += 1;
            continue;
        };
        let group = pairs.get(&stem(name)).cloned();
        listing.add(row.place(), sample(name, grade, group), images.find(name)?)?;
    }
    if ungraded > 0 {
        listing.note(format!("{ungraded} images without a grade are left out"));
    }
    listing.finish(grades(4), root.display(), "images are looked for in all folders, as in the table")
}

/// The examination of each image: any row of the table that names images.
fn pairs(path: &Path) -> Result<HashMap<String, String>, Error> {
    let table = Table::read(path)?;
    let mut examinations = HashMap::new();
    for row in table.rows() {
        let cells = (0..table.columns().len()).map(|column| row.cell(column));
        let images: Vec<String> =
            cells.filter(|cell| super::images::has_image_extension(Path::new(cell))).map(stem).collect();
        if let Some(first) = images.first().cloned() {
            examinations.extend(images.into_iter().map(|image| (image, first.clone())));
        }
    }
    Ok(examinations)
}

/// A file's name without its extension, in lower case.
fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or(String::new(), |stem| stem.to_string_lossy().to_ascii_lowercase())
}

fn blank_grade(place: &str) -> Error {
    Error::dataset(place, "a grade", "a blank cell")
}
