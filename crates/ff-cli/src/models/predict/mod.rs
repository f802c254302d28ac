//! `ff-models predict`: predictions of a trained model on images.

mod images;
mod options;
mod output;
mod row_file;
mod rows;

use std::time::Instant;

use anyhow::bail;
use ff_checkpoint::cores;
use ff_eval::Metric;
use ff_grid::loader_threads;
use ff_train::{CancelToken, Classifier, predict_batches};
use serde_json::{Value, json};
use tracing::info;

use self::images::Images;
pub use self::options::Predict;
use self::output::Output;
use self::rows::Rows;
use crate::eval::{ModelRecord, Resampling, Scored};
use crate::output::{print, print_json, say};
use crate::pace::Pace;
use crate::prediction_file::PredictionFile;
use crate::signals::stop_on_signals;

/// Images that are opened together. Of all others only the paths are kept.
const CHUNK: usize = 8192;

/// Unreadable images that are named on stderr; their rows name all.
const NAMED: usize = 10;

pub(super) fn predict(options: &Predict) -> anyhow::Result<()> {
    let (weights, classifier) = options.model.open()?;
    let images = options.find(&classifier)?;
    let rows = Rows { classifier: &classifier, form: options.form(), attributes: options.attributes() };
    options.check(&rows)?;
    let mut output = Output::open(&options.output, &weights, &rows, &images, options.batch as usize)?;
    if let Some(warning) = options.seen_before(&weights) {
        say(&warning);
    }
    let (total, done, start) = (images.len(), output.rows(), Instant::now());
    if done > 0 {
        info!("{done} of {total} images were predicted before");
    }
    let rate = write_rows(&rows, &images, &mut output, options.batch as usize, &stop_on_signals()?)?;
    let unreadable = output.unreadable;
    if unreadable == total {
        output.discard();
        bail!("expected at least one readable image, found none among {total}");
    }
    output.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    let shown = match options.output.display().to_string() {
        name if name == "-" => "stdout".to_owned(),
        name => name,
    };
    let now = if done > 0 { format!(", {} of them now", total - done) } else { String::new() };
    let left_out = match unreadable {
        0 => String::new(),
        count => format!("; {count} cannot be read: their rows say why"),
    };
    info!("{shown}: {total} images{now} in {seconds:.1} s ({rate:.1} images/s){left_out}");
    let counts = json!({
        "images": total,
        "unreadable": unreadable,
        "resumed": done,
        "seconds": seconds,
        "images_per_second": rate,
        "output": shown,
        "model": weights.digest(),
    });
    print_results(options, &classifier, counts)
}

/// Predicts the images that have no row yet, and appends their rows. Returns images per second.
///
/// # Errors
/// A model that is damaged, rows that cannot be written, an interruption.
fn write_rows(
    rows: &Rows<'_>,
    images: &Images,
    output: &mut Output,
    batch_size: usize,
    stop: &CancelToken,
) -> anyhow::Result<f64> {
    let model = &rows.classifier.model;
    let threads = loader_threads(model.device(), cores().get());
    // A whole number of batches, so that a run that resumes makes the same ones.
    let chunk = CHUNK.next_multiple_of(batch_size);
    let (total, mut at) = (images.len(), output.rows());
    let mut pace = Pace::new(total - at);
    while at < total {
        let (dataset, indices) = images.chunk(at..total.min(at + chunk));
        for batch in predict_batches(model, dataset, indices, batch_size, threads) {
            let batch = batch?;
            let mut text = String::new();
            for (index, predicted) in (at..).zip(&batch) {
                let path = images.path(index);
                text += &match predicted {
                    Ok(logits) => rows.row(&path, logits, images.truth(index).as_ref()),
                    Err(error) => {
                        if output.unreadable < NAMED {
                            say(&format!("warning: {error}"));
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
    Ok(rate)
}

/// Prints the counts, if JSON is asked for, and the scores of labelled images.
fn print_results(options: &Predict, classifier: &Classifier, mut counts: Value) -> anyhow::Result<()> {
    if !options.is_labelled() {
        return if options.json { print_json(&counts) } else { Ok(()) };
    }
    let Classifier { classes, decision, kind, .. } = classifier;
    let record = ModelRecord { classes: classes.clone(), decision: Some(decision.clone()), digest: None };
    let file = PredictionFile::read(&options.output, &options.by)?;
    let metrics: Vec<Metric> = Metric::ALL.into_iter().filter(|metric| metric.applies_to(*kind)).collect();
    let scored = Scored::of(&file, &metrics, &options.by, &record, None, Resampling::default())?;
    if !options.json {
        return print(&scored.text());
    }
    counts["scores"] = serde_json::to_value(&scored)?;
    print_json(&counts)
}
