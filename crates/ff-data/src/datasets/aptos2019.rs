//! APTOS 2019 (Asia Pacific Tele-Ophthalmology Society): grades of diabetic retinopathy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::Dataset;
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::files::{self, Listed};
use crate::datasets::grades::{blank_grade, grades, sample};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{Images, require_file};
use crate::datasets::listing::Listing;
use crate::datasets::published::Published;
use crate::error::Error;
use crate::table::Table;

/// APTOS 2019 Blindness Detection: retinal photographs graded for diabetic retinopathy, 0 to 4.
///
/// Reads `train.csv` and the images in `train_images/`. There is no official split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Aptos2019 {
    /// Folder of `train.csv` and `train_images/`: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for Aptos2019 {
    const KIND: &'static str = "aptos2019";
    const TITLE: &'static str = "APTOS 2019 Blindness Detection";
    const LICENCE: Option<&'static str> = Some("the competition's rules");
    const ACCESS: Access = Access::Apply(Steps {
        needs: "a Kaggle account that has accepted the competition's rules.",
        at: &["https://www.kaggle.com/competitions/aptos2019-blindness-detection/data"],
        note: "",
        place: &["ROOT/train.csv", "ROOT/train_images/<id_code>.png"],
    });
    const PUBLISHED: Option<Published> = Some(Published::of(3_662));

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?)?, hashes)
    }
}

/// Lists the images of `train.csv`.
fn read(root: &Path) -> Result<Listed, Error> {
    let table = Table::read(&require_file(root, &["train.csv"], "the table of grades")?)?;
    let images = Images::below(&root.join("train_images"))?;
    let (id, grade) = (table.require("id_code")?, table.require("diagnosis")?);
    let mut listing = Listing::default();
    for row in table.rows() {
        let name = row.filled(id)?;
        let grade = row.whole(grade, 4)?.ok_or_else(|| blank_grade(&row.place()))?;
        listing.add(row.place(), sample(name, grade, None), images.find(name)?)?;
    }
    listing.finish(grades(4), root.display(), "put the images in train_images/, named <id_code>.png")
}
