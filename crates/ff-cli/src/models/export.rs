//! `ff-models export`: a trained model as an ONNX file.

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use ff_checkpoint::write_atomic;
use ff_eval::{Calibrator, TaskMap};
use ff_models::onnx::{Head, Probabilities};
use ff_train::{Classifier, TaskKind};
use indicatif::HumanBytes;
use serde_json::json;

use super::model_option::ModelOption;
use crate::output::{print, print_json};
use crate::output_file::check_output;

/// A trained model, and the file to write.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    model: ModelOption,
    /// File to write, such as soup.onnx
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Leave the calibration out: probabilities are the softmax or the sigmoid of the logits
    #[arg(long)]
    uncalibrated: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn export(options: &Export) -> anyhow::Result<()> {
    let Export { output, uncalibrated, json, .. } = options;
    check_output(output, std::iter::once(options.model.model.as_path()))?;
    let (weights, classifier) = options.model.open()?;
    let head = Head {
        probabilities: probabilities(&classifier, *uncalibrated)?,
        classes: classifier.classes.clone(),
        metadata: metadata(&classifier, &weights.digest().to_string(), *uncalibrated)?,
    };
    let file = classifier.model.to_onnx(&head)?;
    let size = file.size() as u64;
    write_atomic(output, |to| file.write(BufWriter::new(to)))?;
    let spec = classifier.model.spec();
    if *json {
        let (classes, side) = (&classifier.classes, spec.image_size);
        return print_json(&json!({
            "output": output.display().to_string(), "bytes": size, "opset": 17, "image_size": side, "classes": classes,
        }));
    }
    print(&format!(
        "{}: {}, ONNX operator set 17\n  images: fp32 [N, 3, {side}, {side}], RGB from 0 to 1, resized to the square \
         (bilinear, antialiased)\n  logits, probabilities: fp32 [N, {}], in the order {}\n",
        output.display(),
        HumanBytes(size),
        classifier.classes.len(),
        classifier.classes.join(", "),
        side = spec.image_size,
    ))
}

/// How the file computes probabilities: as the model's calibrator does.
fn probabilities(classifier: &Classifier, uncalibrated: bool) -> anyhow::Result<Probabilities> {
    let outputs = classifier.classes.len();
    Ok(match &classifier.decision.calibrator {
        Calibrator::Temperature { temperature } if !uncalibrated => {
            Probabilities::Softmax { temperature: *temperature }
        }
        Calibrator::Tasks { tasks } if !uncalibrated => {
            let (mut scale, mut shift) = (Vec::new(), Vec::new());
            for task in tasks {
                let (slope, intercept) = match task {
                    TaskMap::Sigmoid { .. } => (1.0, 0.0),
                    TaskMap::Platt { slope, intercept } => (*slope, *intercept),
                    TaskMap::Isotonic { .. } => bail!(
                        "expected calibration by temperature or Platt scaling, found isotonic maps, which have no form \
                         in the file\nhint: calibrate with --method platt, or export with --uncalibrated"
                    ),
                };
                scale.push(slope);
                shift.push(intercept);
            }
            Probabilities::Sigmoid { scale, shift }
        }
        _ if classifier.kind == TaskKind::Multiclass => Probabilities::softmax(),
        _ => Probabilities::sigmoid(outputs),
    })
}

/// What the file says beyond the model's own.
fn metadata(
    classifier: &Classifier,
    digest: &str,
    uncalibrated: bool,
) -> anyhow::Result<BTreeMap<String, String>> {
    let points = classifier.decision.points.iter();
    let thresholds: BTreeMap<&String, f64> =
        points.map(|point| (&classifier.classes[point.output], point.threshold)).collect();
    let mut entries = vec![
        ("digest".to_owned(), digest.to_owned()),
        ("resize".to_owned(), "to the square without cropping, bilinear, antialiased".to_owned()),
    ];
    // They are on calibrated probabilities.
    if !thresholds.is_empty() && !uncalibrated {
        entries.push(("thresholds".to_owned(), serde_json::to_string(&thresholds)?));
    }
    Ok(entries.into_iter().collect())
}
