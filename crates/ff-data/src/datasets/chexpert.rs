//! CheXpert: frontal chest radiographs with 13 findings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Split};
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::chest_labels::{ChestLabels, UncertainLabels};
use crate::datasets::files::{self, Listed};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{find_file, inside, require_file};
use crate::datasets::listing::Listing;
use crate::datasets::published::Published;
use crate::error::Error;
use crate::table::Table;

/// CheXpert: frontal chest radiographs with 13 findings, multilabel. A patient is a group.
///
/// Reads `train.csv`, `valid.csv` and, if present, the table of the test set (`test.csv`,
/// `test_labels.csv` or `groundtruth.csv`), with the official splits, in full or small size.
/// Lateral views are left out. Where `No Finding` is 1, all findings but Support Devices are 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Chexpert {
    /// Folder of the tables: relative to the data root, or absolute.
    pub path: PathBuf,
    /// How to read the label `-1`, an uncertain finding.
    #[serde(default)]
    pub uncertain: UncertainLabels,
}

impl DatasetKind for Chexpert {
    const KIND: &'static str = "chexpert";
    const TITLE: &'static str = "CheXpert";
    const LICENCE: Option<&'static str> = Some("research use agreement: non-commercial, not to be passed on");
    const ACCESS: Access = Access::Apply(Steps {
        needs: "an account at Stanford AIMI and its research use agreement.",
        at: &["https://aimi.stanford.edu/datasets/chexpert-chest-x-rays"],
        note: "",
        place: &[
            "ROOT/train.csv, ROOT/valid.csv, as unpacked from CheXpert-v1.0 or CheXpert-v1.0-small",
            "ROOT/train/patient<N>/study<N>/view<N>_{frontal,lateral}.jpg, ROOT/valid/ alike",
            "ROOT/test.csv, test_labels.csv or groundtruth.csv, and ROOT/test/: the test set, released later",
        ],
    });
    const PUBLISHED: Option<Published> = Some(Published::split([191_027, 202, 518]));

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?, self.uncertain)?, hashes)
    }
}

/// File names of the test set's table in different releases.
const TEST: [&str; 3] = ["test.csv", "test_labels.csv", "groundtruth.csv"];

/// Lists the frontal images of all tables, with the official splits.
fn read(root: &Path, uncertain: UncertainLabels) -> Result<Listed, Error> {
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
            // The test set's table has no column for the view; the file's name has it.
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
    listing.finish(
        ChestLabels::task(),
        root.display(),
        "set the path to the folder that holds train.csv and train/",
    )
}

/// Returns the path below the root, without the name of the release that comes before `train`,
/// `valid` or `test`.
fn below_root(cell: &str) -> Option<PathBuf> {
    let path = inside(Path::new(&cell.replace('\\', "/")))?;
    let parts: Vec<_> = path.iter().collect();
    let start = parts.iter().position(|part| *part == "train" || *part == "valid" || *part == "test")?;
    Some(parts[start..].iter().collect())
}
