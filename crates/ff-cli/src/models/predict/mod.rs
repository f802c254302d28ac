//! `ff-models predict`: predictions of a trained model on images.

mod images;
mod output;
mod row_file;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::bail;
use clap::Args;
use ff_checkpoint::{StateDict, cores};
use ff_data::datasets::{Folder, Manifest};
use ff_data::{DatasetConfig, FileHashes};
use ff_eval::Metric;
use ff_grid::{loader_threads, trained_on};
use ff_train::{Classifier, predict_batches};
use serde_json::json;

use self::images::Images;
use self::output::Output;
use self::rows::{Form, Rows};
use super::model_option::ModelOption;
use crate::eval::{ModelRecord, Resampling, Scored};
use crate::output::{print, print_json, say};
use crate::pace::Pace;
use crate::prediction_file::PredictionFile;
use crate::signals::stop_on_signals;

/// A trained model, and the images to predict.
#[derive(Args)]
pub struct Predict {
    #[command(flatten)]
    model: ModelOption,
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
    by: Vec<String>,
    /// File to write: CSV, or JSON lines if its name ends in .jsonl; - for stdout
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Form of the rows, whatever the name of the file
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Images per batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Print the counts and the speed as JSON, and with labels the scores
    #[arg(long)]
    json: bool,
}

/// Images that are opened together. Of all others only the paths are kept.
const CHUNK: usize = 8192;

/// Unreadable images that are named on stderr; their rows name all.
const NAMED: usize = 10;

pub(super) fn predict(options: &Predict) -> anyhow::Result<()> {
    let (weights, classifier) = options.model.open()?;
    let images = options.find(&classifier)?;
    if let Some(warning) = options.seen_before(&weights) {
        say(&warning);
    }
    let rows = Rows { classifier: &classifier, form: options.form(), attributes: options.attributes() };
    if options.is_labelled() && (rows.form != Form::Csv || options.output.as_os_str() == "-") {
        bail!(
            "--output: expected a CSV file, since the scores are computed from it\nhint: --output predictions.csv"
        );
    }
    if !options.by.is_empty() && options.labels.is_none() {
        bail!("--by: expected a table with these columns in --labels");
    }
    if options.json && options.output.as_os_str() == "-" {
        bail!("--json: expected a file in --output, since stdout has the rows");
    }
    let columns = rows.columns();
    if let Some(twice) =
        columns.iter().enumerate().find_map(|(at, name)| columns[..at].contains(name).then_some(name))
    {
        bail!("--by: expected columns of other names than those of the rows, found `{twice}`");
    }
    let mut output = Output::open(&options.output, &weights, &rows, &images, options.batch as usize)?;
    let stop = stop_on_signals()?;
    let (total, done, start) = (images.len(), output.rows(), Instant::now());
    if done > 0 {
        say(&format!("{done} of {total} images were predicted before"));
    }
    let mut pace = Pace::new(total - done);
    let threads = loader_threads(classifier.model.device(), cores().get());
    let batch_size = options.batch as usize;
    // A whole number of batches, so that a run that resumes makes the same ones.
    let chunk = CHUNK.next_multiple_of(batch_size);
    let mut at = done;
    while at < total {
        let (dataset, indices) = images.chunk(at..total.min(at + chunk));
        for batch in predict_batches(&classifier.model, dataset, indices, batch_size, threads) {
            let batch = batch?;
            let mut text = String::new();
            for (index, predicted) in (at..).zip(&batch) {
                let path = images.path(index);
                text += &match predicted {
                    Ok(logits) => rows.row(&path, logits, images.truth(index).as_ref()),
                    Err(error) => {
                        if output.unreadable < NAMED {
                            pace.tell(&format!("warning: {error}"));
                        }
                        output.unreadable += 1;
                        rows.unreadable(&path, &error.to_string())
                    }
                };
            }
            output.append(&text, batch.len())?;
            at += batch.len();
            pace.add(batch.len());
            if stop.is_set() && at < total {
                pace.finish();
                return Err(output.interrupted(total));
            }
        }
    }
    let rate = pace.rate();
    pace.finish();
    let unreadable = output.unreadable;
    if unreadable == total {
        output.discard();
        bail!("expected at least one readable image, found none among {total}");
    }
    output.finish()?;
    let shown = if options.output.as_os_str() == "-" {
        "stdout".into()
    } else {
        options.output.display().to_string()
    };
    let left_out = match unreadable {
        0 => String::new(),
        count => format!("; {count} cannot be read: their rows say why"),
    };
    let predicted = total - done;
    let seconds = start.elapsed().as_secs_f64();
    let now = if done > 0 { format!(", {predicted} of them now") } else { String::new() };
    say(&format!("{shown}: {total} images{now} in {seconds:.1} s ({rate:.1} images/s){left_out}"));
    let counts = json!({
        "images": total,
        "unreadable": unreadable,
        "resumed": done,
        "seconds": seconds,
        "images_per_second": rate,
        "output": options.output.display().to_string(),
        "model": weights.digest(),
    });
    options.score(&classifier, counts)
}

impl Predict {
    fn is_labelled(&self) -> bool {
        self.labels.is_some() || self.class_folders
    }

    /// Finds the images.
    fn find(&self, classifier: &Classifier) -> anyhow::Result<Images> {
        match (&self.labels, &self.images[..]) {
            (Some(table), _) => Images::of_table(table, &self.by, classifier),
            (None, [folder]) if self.class_folders => Images::of_folders(folder, classifier),
            (None, _) if self.class_folders => bail!("--class-folders: expected one folder in --images"),
            (None, images) => Images::find(images),
        }
    }

    /// Warns if the labelled images are a dataset that the model was trained or selected on. It is
    /// known by its digest: a part of it, or the same images in other files, are not noticed.
    fn seen_before(&self, weights: &StateDict) -> Option<String> {
        let seen = trained_on(weights);
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
        let dataset = config.open(Path::new(""), &FileHashes::none()).ok().filter(|_| !seen.is_empty())?;
        seen.iter().any(|data| data.digest == dataset.digest()).then(|| {
            format!(
                "warning: {}: the model was trained or selected on a part of these images, so the scores are too high\n\
                 hint: `ff-train predict --split test` predicts its test images",
                path.display()
            )
        })
    }

    fn form(&self) -> Form {
        let extension = self.output.extension().unwrap_or_default();
        match self.format {
            Some(form) => form,
            None if ["jsonl", "ndjson"].iter().any(|of| extension.eq_ignore_ascii_case(of)) => Form::Jsonl,
            None => Form::Csv,
        }
    }

    fn attributes(&self) -> Option<Vec<String>> {
        self.is_labelled().then(|| self.by.clone())
    }

    /// Prints the counts, if JSON is asked for, and the scores of labelled images.
    fn score(&self, classifier: &Classifier, mut counts: serde_json::Value) -> anyhow::Result<()> {
        if !self.is_labelled() {
            return if self.json { print_json(&counts) } else { Ok(()) };
        }
        let Classifier { classes, decision, .. } = classifier;
        let record = ModelRecord { classes: classes.clone(), decision: Some(decision.clone()), digest: None };
        let file = PredictionFile::read(&self.output, &self.by)?;
        let metrics =
            Metric::ALL.into_iter().filter(|metric| metric.applies_to(classifier.kind)).collect::<Vec<_>>();
        let scored = Scored::of(&file, &metrics, &self.by, &record, None, Resampling::default())?;
        if !self.json {
            return print(&scored.text());
        }
        counts["scores"] = serde_json::to_value(&scored)?;
        print_json(&counts)
    }
}

/// Takes the blanks from a name in a list.
fn trimmed(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.trim().to_owned())
}
