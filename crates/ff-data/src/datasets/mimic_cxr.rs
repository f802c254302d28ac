//! MIMIC-CXR-JPG: frontal chest radiographs with CheXpert's 13 findings, by study.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Split, Target};
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::chest_labels::{ChestLabels, UncertainLabels};
use crate::datasets::files::{self, Listed};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::named;
use crate::datasets::listing::Listing;
use crate::error::Error;
use crate::table::Table;

/// MIMIC-CXR-JPG: frontal chest radiographs with CheXpert's 13 findings, multilabel. A patient is a
/// group.
///
/// Reads three tables (`mimic-cxr-2*-split.csv`, `-chexpert.csv` and `-metadata.csv`, gzipped or
/// not) and the images in `files/`, with the official splits. Images that are not frontal (AP or
/// PA) and images of studies without labels are left out. Where `No Finding` is 1, all findings but
/// Support Devices are 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MimicCxr {
    /// Folder of the tables and of `files/`: relative to the data root, or absolute.
    pub path: PathBuf,
    /// How to read the label `-1`, an uncertain finding.
    #[serde(default)]
    pub uncertain: UncertainLabels,
    /// Read only this split; the images of the others need not be there. If absent: all splits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Split>,
}

impl DatasetKind for MimicCxr {
    const KIND: &'static str = "mimic-cxr";
    const TITLE: &'static str = "MIMIC-CXR-JPG";
    const LICENCE: Option<&'static str> =
        Some("PhysioNet Credentialed Health Data License 1.5.0: not to be passed on");
    const ACCESS: Access = Access::Apply(Steps {
        needs: "a credentialed PhysioNet account (training in research with human subjects), and the\n\
            data use agreement.",
        at: &["https://physionet.org/content/mimic-cxr-jpg/ (2.1.0, or 2.0.0)"],
        note: "",
        place: &[
            "ROOT/mimic-cxr-2.0.0-{split,chexpert,metadata}.csv or .csv.gz (2.1.0 keeps these names)",
            "ROOT/files/p10/p10000032/s50414267/<dicom_id>.jpg",
        ],
    });

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?, self.uncertain, self.only)?, hashes)
    }
}

/// Views that are frontal.
const FRONTAL: [&str; 2] = ["PA", "AP"];

/// Lists the frontal images of the official splits, or of the split `only`.
fn read(root: &Path, uncertain: UncertainLabels, only: Option<Split>) -> Result<Listed, Error> {
    let views = table(root, "metadata")?.by("dicom_id", "ViewPosition")?;
    let labels = labels(root, uncertain)?;
    let table = table(root, "split")?;
    let (dicom, study, subject, split) = (
        table.require("dicom_id")?,
        table.require("study_id")?,
        table.require("subject_id")?,
        table.require("split")?,
    );
    let mut listing = Listing::default();
    let (mut lateral, mut unlabelled) = (0, 0);
    for row in table.rows() {
        let part = row.split(split, "a split: train, validate or test")?;
        if only.is_some_and(|only| only != part) {
            continue;
        }
        let (image, study) = (row.filled(dicom)?, row.filled(study)?);
        let patient = row.filled(subject)?;
        if !views.get(image).is_some_and(|view| FRONTAL.contains(&view.as_str())) {
            lateral += 1;
            continue;
        }
        let Some(target) = labels.get(study) else {
            unlabelled += 1;
            continue;
        };
        let path = path(image, study, patient).ok_or_else(|| {
            let found = format!("image `{image}`, study `{study}`, patient `{patient}`");
            Error::dataset(row.place(), "numbers of a patient and a study, and an image's id", found)
        })?;
        let id = path.to_string_lossy().into_owned();
        let sample =
            Sample { id, target: target.clone(), group: Some(format!("p{patient}")), split: Some(part) };
        let file = root.join(&path);
        listing.add(row.place(), sample, file.is_file().then_some(file))?;
    }
    listing.note(format!("{lateral} images that are not frontal (AP, PA) are left out"));
    if unlabelled > 0 {
        listing.note(format!("{unlabelled} images of studies without labels are left out"));
    }
    let hint = match only {
        Some(_) => "put the images in files/, as in files/p10/p10000032/s50414267/<dicom_id>.jpg",
        None => "for the test split alone, set `only = \"test\"`",
    };
    listing.finish(ChestLabels::task(), root.display(), hint)
}

/// Reads the table of a kind, of any release, gzipped or not.
fn table(root: &Path, kind: &str) -> Result<Table, Error> {
    let ends = [format!("-{kind}.csv"), format!("-{kind}.csv.gz")];
    let found = named(root, |name| {
        name.starts_with("mimic-cxr-2") && ends.iter().any(|end| name.ends_with(end.as_str()))
    })?;
    let path = found.into_iter().next().ok_or_else(|| {
        let expected = format!("mimic-cxr-2.0.0-{kind}.csv or mimic-cxr-2.0.0-{kind}.csv.gz");
        Error::dataset(root.display(), expected, "no such file")
    })?;
    Table::read(&path)
}

/// Returns the labels of each study.
fn labels(root: &Path, uncertain: UncertainLabels) -> Result<HashMap<String, Target>, Error> {
    let table = table(root, "chexpert")?;
    let study = table.require("study_id")?;
    let labels = ChestLabels::of(&table, uncertain)?;
    table.rows().map(|row| Ok((row.filled(study)?.to_owned(), labels.target(&row)?))).collect()
}

/// Returns the path of an image; `None` if its numbers are malformed.
fn path(image: &str, study: &str, patient: &str) -> Option<PathBuf> {
    let digits = |text: &str| text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (digits(study) && digits(patient) && plain(image))
        .then(|| PathBuf::from(format!("files/p{}/p{patient}/s{study}/{image}.jpg", &patient[..2])))
}
