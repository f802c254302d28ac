//! Messidor: grades of diabetic retinopathy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::Dataset;
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::files::{self, Listed};
use crate::datasets::grades::{blank_grade, grades, sample};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{Images, walk};
use crate::datasets::listing::Listing;
use crate::datasets::published::Published;
use crate::error::Error;
use crate::table::Table;

/// Messidor: retinal photographs graded for diabetic retinopathy, 0 to 3. Grade 3 includes grade 4
/// of the other datasets.
///
/// Reads twelve annotation tables (`.xls` or CSV) and `.tif` images in any subfolders. There is no
/// official split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Messidor {
    /// Folder of the tables and images: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for Messidor {
    const KIND: &'static str = "messidor";
    const TITLE: &'static str = "Messidor";
    const LICENCE: Option<&'static str> = Some("research and education");
    const ACCESS: Access = Access::Apply(Steps {
        needs: "a request form at ADCIS.",
        at: &["https://www.adcis.net/en/third-party/messidor/"],
        note: "",
        place: &[
            "ROOT/Annotation_Base{11..14,21..24,31..34}*.xls, or CSV made of them, with their columns' names",
            "ROOT/Base11/*.tif and so on to Base34, or all images in ROOT",
        ],
    });
    const PUBLISHED: Option<Published> = Some(Published::of(1_200));

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?)?, hashes)
    }
}

/// Lists the images of one annotation table (`.xls` or CSV) for each of the twelve bases. A table
/// with `update` in its name (`Annotation_Base11_update.xls`) replaces the other table of its base.
fn read(root: &Path) -> Result<Listed, Error> {
    let mut bases: BTreeMap<String, Vec<(bool, bool, PathBuf)>> = BTreeMap::new();
    let files = walk(root)?;
    for path in &files {
        let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().to_ascii_lowercase());
        if let Some((stem, extension @ ("xls" | "csv"))) = name.rsplit_once('.')
            && let Some(rest) = stem.strip_prefix("annotation_base")
            && let Some((base, suffix)) = rest.split_at_checked(2)
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
        listing.note(format!("only {} of 12 bases: {}", names.len(), names.join(", ")));
    }
    for mut tables in bases.into_values() {
        tables.sort();
        let (updated, _, path) = tables.pop().expect("a base has a table");
        if updated && !tables.is_empty() {
            listing.note(format!("{} replaces the table that it corrects", path.display()));
        }
        let table = Table::read(&path)?;
        let (image, grade) = (table.require("Image name")?, table.require("Retinopathy grade")?);
        for row in table.rows() {
            let name = row.filled(image)?;
            let grade = row.whole(grade, 3)?.ok_or_else(|| blank_grade(&row.place()))?;
            listing.add(row.place(), sample(name, grade, None), images.find(name)?)?;
        }
    }
    listing.finish(
        grades(3),
        root.display(),
        "put the images below the dataset's folder, named as in the column `Image name`",
    )
}
