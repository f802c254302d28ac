//! RSNA Pneumonia Detection Challenge, stage 2, as classification: normal against lung opacity.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Target, Task};
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::files::{self, Listed};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{Images, require_file};
use crate::datasets::listing::Listing;
use crate::datasets::published::Published;
use crate::error::Error;
use crate::table::Table;

/// RSNA Pneumonia Detection Challenge, stage 2: chest radiographs of two classes, Normal and Lung
/// Opacity. The third class, No Lung Opacity / Not Normal, is left out. A patient is a group.
///
/// Reads `stage_2_detailed_class_info.csv`, `stage_2_train_labels.csv` and DICOM files in any
/// subfolders. There is no official split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RsnaPneumonia {
    /// Folder of the tables and images: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for RsnaPneumonia {
    const KIND: &'static str = "rsna-pneumonia";
    const TITLE: &'static str = "RSNA Pneumonia Detection Challenge (2018)";
    const LICENCE: Option<&'static str> = Some("the competition's rules");
    const ACCESS: Access = Access::Apply(Steps {
        needs: "a Kaggle account that has accepted the competition's rules.",
        at: &["https://www.kaggle.com/competitions/rsna-pneumonia-detection-challenge/data"],
        note: "",
        place: &[
            "ROOT/stage_2_train_labels.csv",
            "ROOT/stage_2_detailed_class_info.csv",
            "ROOT/stage_2_train_images/<patientId>.dcm",
        ],
    });
    const PUBLISHED: Option<Published> = Some(Published::of(8_851 + 6_012));

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?)?, hashes)
    }
}

const CLASSES: [&str; 2] = ["Normal", "Lung Opacity"];
/// The third class, which FissionFusion drops: neither normal nor an opacity.
const DROPPED: &str = "No Lung Opacity / Not Normal";

/// Lists the images of `stage_2_detailed_class_info.csv`. Both tables have a row for each box, so a
/// patient may have several rows. A patient has one image.
fn read(root: &Path) -> Result<Listed, Error> {
    let what = "the table of classes";
    let table = Table::read(&require_file(root, &["stage_2_detailed_class_info.csv"], what)?)?;
    let (patient, class) = (table.require("patientId")?, table.require("class")?);
    let targets = targets(root)?;
    let images = Images::below(root)?;
    let mut classes: HashMap<&str, &str> = HashMap::new();
    let mut dropped = HashSet::new();
    let mut listing = Listing::default();
    for row in table.rows() {
        let (id, name) = (row.filled(patient)?, row.filled(class)?);
        if let Some(earlier) = classes.insert(id, name) {
            if earlier != name {
                let found = format!("`{name}` and, in an earlier row, `{earlier}`");
                return Err(Error::dataset(row.place(), format!("one class for the patient {id}"), found));
            }
            continue;
        }
        let index = CLASSES.iter().position(|known| *known == name);
        let target = targets.get(id).copied().ok_or_else(|| {
            let expected = format!("the patient {id} in stage_2_train_labels.csv");
            Error::dataset(row.place(), expected, "no such row")
        })?;
        if target != (index == Some(1)) {
            let found = format!("class `{name}` and Target {}", u8::from(target));
            return Err(Error::dataset(row.place(), format!("tables that agree on the patient {id}"), found));
        }
        match index {
            Some(index) => {
                let group = Some(id.to_owned());
                let sample = Sample { id: id.to_owned(), target: Target::Class(index), group, split: None };
                listing.add(row.place(), sample, images.find(id)?)?;
            }
            None if name == DROPPED => drop(dropped.insert(id)),
            None => {
                let expected = format!("{}, {} or {DROPPED}", CLASSES[0], CLASSES[1]);
                return Err(Error::dataset(row.place(), expected, format!("`{name}`")));
            }
        }
    }
    listing.note(format!("{} images of the class {DROPPED} are left out", dropped.len()));
    let task = Task::Multiclass { classes: CLASSES.map(str::to_owned).to_vec() };
    listing.finish(task, root.display(), "put the images below the dataset's folder, named <patientId>.dcm")
}

/// Returns whether each patient has a box.
fn targets(root: &Path) -> Result<HashMap<String, bool>, Error> {
    let table = Table::read(&require_file(root, &["stage_2_train_labels.csv"], "the table of boxes")?)?;
    let (patient, target) = (table.require("patientId")?, table.require("Target")?);
    let mut targets = HashMap::new();
    for row in table.rows() {
        let value = row.whole(target, 1)? == Some(1);
        if targets.insert(row.filled(patient)?.to_owned(), value).is_some_and(|earlier| earlier != value) {
            return Err(Error::dataset(row.place(), "one Target for each patient", "0 and 1"));
        }
    }
    Ok(targets)
}
