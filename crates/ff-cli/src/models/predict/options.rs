//! The options of `ff-models predict`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use ff_checkpoint::StateDict;
use ff_data::datasets::{Folder, Manifest};
use ff_data::{DatasetConfig, FileHashes};
use ff_grid::trained_on;
use ff_train::Classifier;

use super::images::Images;
use super::rows::{Form, Rows};
use crate::models::model_option::ModelOption;
use crate::options::trimmed;

/// A trained model, and the images to predict.
#[derive(Args)]
pub struct Predict {
    #[command(flatten)]
    pub(super) model: ModelOption,
    /// Images: folders, tables (CSV or Excel) with a column of paths, or files
    #[arg(long, value_name = "PATH", num_args = 1.., required_unless_present = "labels")]
    images: Vec<PathBuf>,
    /// Images and their true classes, which score the predictions: a table
    ///
    /// It has the columns `path` and `label`, or `path` and columns of the tasks with 1, 0 or nothing;
    /// and `group` for patients. Other columns are ignored.
    #[arg(long, value_name = "CSV", conflicts_with_all = ["images", "class_folders"])]
    labels: Option<PathBuf>,
    /// Take the true classes from the folders in --images, and score the predictions
    #[arg(long)]
    class_folders: bool,
    /// Columns of --labels to score by, such as sex,age; they are copied to the rows
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', value_parser = trimmed)]
    pub(super) by: Vec<String>,
    /// File to write: CSV, or JSON lines if its name ends in .jsonl; - for stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Form of the rows, whatever the name of the file
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Images per batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) batch: u32,
    /// Print the counts and the speed as JSON, and with labels the scores
    #[arg(long)]
    pub(super) json: bool,
}

impl Predict {
    pub(super) fn is_labelled(&self) -> bool {
        self.labels.is_some() || self.class_folders
    }

    /// Checks that the options go together, before anything is predicted.
    pub(super) fn check(&self, rows: &Rows<'_>) -> anyhow::Result<()> {
        let is_stdout = self.output.as_os_str() == "-";
        if self.is_labelled() && (rows.form != Form::Csv || is_stdout) {
            bail!(
                "--output: expected a CSV file, since the scores are computed from it\n\
                 hint: --output predictions.csv"
            );
        }
        if !self.by.is_empty() && self.labels.is_none() {
            bail!("--by: expected a table with these columns in --labels");
        }
        if self.json && is_stdout {
            bail!("--json: expected a file in --output, since stdout has the rows");
        }
        let columns = rows.columns();
        let mut numbered = columns.iter().enumerate();
        match numbered.find(|(at, name)| columns[..*at].contains(name)) {
            Some((_, twice)) => {
                bail!("--by: expected columns of other names than those of the rows, found `{twice}`")
            }
            None => Ok(()),
        }
    }

    /// Finds the images.
    pub(super) fn find(&self, classifier: &Classifier) -> anyhow::Result<Images> {
        match (&self.labels, &self.images[..]) {
            (Some(table), _) => Images::of_table(table, &self.by, classifier),
            (None, [folder]) if self.class_folders => Images::of_folders(folder, classifier),
            (None, _) if self.class_folders => bail!("--class-folders: expected one folder in --images"),
            (None, images) => Images::find(images),
        }
    }

    /// Warns if the labelled images are a dataset that the model was trained or selected on. It is
    /// known by its digest: a part of it, or the same images in other files, are not noticed.
    pub(super) fn seen_before(&self, weights: &StateDict) -> Option<String> {
        let seen = trained_on(weights);
        if seen.is_empty() {
            return None;
        }
        let (path, config) = match (&self.labels, &self.images[..]) {
            (Some(path), _) => {
                let manifest = Manifest { path: path.clone(), attributes: self.by.clone() };
                (path, DatasetConfig::Manifest(manifest))
            }
            (None, [path]) if self.class_folders => {
                (path, DatasetConfig::Folder(Folder { path: path.clone() }))
            }
            _ => return None,
        };
        // A table of a test may be none to train on.
        let dataset = config.open(Path::new(""), &FileHashes::none()).ok()?;
        seen.iter().any(|data| data.digest == dataset.digest()).then(|| {
            format!(
                "warning: {}: the model was trained or selected on a part of these images, so the scores are too high\n\
                 hint: `ff-train predict --split test` predicts its test images",
                path.display()
            )
        })
    }

    pub(super) fn form(&self) -> Form {
        let extension = self.output.extension().unwrap_or_default();
        match self.format {
            Some(form) => form,
            None if ["jsonl", "ndjson"].iter().any(|of| extension.eq_ignore_ascii_case(of)) => Form::Jsonl,
            None => Form::Csv,
        }
    }

    pub(super) fn attributes(&self) -> Option<Vec<String>> {
        self.is_labelled().then(|| self.by.clone())
    }
}
