//! CheXpert: frontal chest radiographs with 13 findings.

use std::path::{Path, PathBuf};

use super::chest_labels::{ChestLabels, UncertainLabels};
use super::files::Listed;
use super::images::{find_file, inside, require_file};
use super::listing::Listing;
use crate::dataset::{Sample, Split};
use crate::error::Error;
use crate::table::Table;

/// Names that the table of the test set has had.
const TEST: [&str; 3] = ["test.csv", "test_labels.csv", "groundtruth.csv"];

/// Opens `train.csv`, `valid.csv` and, if it is there, the test set's table, with the official splits. A patient is
/// a group.
pub fn open(root: &Path, uncertain: UncertainLabels) -> Result<Listed, Error> {
    let mut parts = vec![
        (require_file(root, &["train.csv"], "the table of the training set")?, Split::Train),
        (require_file(root, &["valid.csv"], "the table of the validation set")?, Split::Val),
    ];
    let mut listing = Listing::default();
    match find_file(root, &TEST)? {
        Some(path) => parts.push((path, Split::Test)),
        None => listing.note(format!("no table of the test set ({}): no test split", TEST.join(", "))),
    }
    let mut lateral = 0;
    for (path, split) in parts {
        let table = Table::read(&path)?;
        let (file, view) = (table.require("Path")?, table.column("Frontal/Lateral"));
        let labels = ChestLabels::of(&table, uncertain)?;
        for row in table.rows() {
            let cell = row.filled(file)?;
            let below = below_root(cell).ok_or_else(|| {
                let expected = "a path such as CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg";
                Error::dataset(row.place(), expected, format!("`{cell}`"))
            })?;
            // The test set's table has no column for the view; the file's name says it.
            let frontal = match view.map(|column| row.cell(column)) {
                Some(view) => view == "Frontal",
                None => cell.contains("frontal"),
            };
            if !frontal {
                lateral += 1;
                continue;
            }
            let id = below.to_string_lossy().into_owned();
            let group = id.split('/').find(|part| part.starts_with("patient")).map(str::to_owned);
            let sample = Sample { id, target: labels.target(&row)?, group, split: Some(split) };
            let image = root.join(&below);
            listing.add(row.place(), sample, image.is_file().then_some(image))?;
        }
    }
    listing.note(format!("{lateral} lateral views are left out"));
    listing.finish(ChestLabels::task(), root.display(), "ROOT is the folder that holds train.csv and train/")
}

/// The path below the root: what comes before `train`, `valid` or `test` is the name of the release.
fn below_root(cell: &str) -> Option<PathBuf> {
    let path = inside(cell)?;
    let parts: Vec<_> = path.iter().collect();
    let start = parts.iter().position(|part| *part == "train" || *part == "valid" || *part == "test")?;
    Some(parts[start..].iter().collect())
}
