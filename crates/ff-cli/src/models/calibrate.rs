//! `ff-models calibrate`: calibration and operating points of a trained model.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::Args;
use ff_checkpoint::{Provenance, StateDict};
use ff_eval::{CalibrationMethod, Decision, OperatingRule};
use ff_train::Classifier;
use serde_json::json;

use super::model_option::ModelOption;
use crate::options::trimmed;
use crate::output::{print, print_json};
use crate::output_file::check_output;
use crate::prediction_file::PredictionFile;

/// A trained model, its predictions of the validation images, and what to choose by them.
#[derive(Args)]
pub struct Calibrate {
    #[command(flatten)]
    model: ModelOption,
    /// Its predictions of validation images, in a form that `ff-eval score` reads
    ///
    /// The model may have been selected on these images, but not trained on them.
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// Calibration: temperature for classes; platt or isotonic for labels
    #[arg(long)]
    method: Option<CalibrationMethod>,
    /// Rule that chooses the thresholds: youden, sensitivity=S, specificity=S or cost=FN:FP
    #[arg(long, value_name = "RULE", default_value = "youden")]
    operating_point: OperatingRule,
    /// Classes or tasks that get a threshold
    ///
    /// Without it, every task of a multilabel model, the second of two classes, and none of more
    /// classes. The threshold of a class is on its probability against all others.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = trimmed)]
    of: Option<Vec<String>>,
    /// File to write: the same weights, with calibration and thresholds
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn calibrate(options: &Calibrate) -> anyhow::Result<()> {
    let Calibrate { model, predictions: path, method, operating_point, of, output, json } = options;
    let file = PredictionFile::read(path, &[])?;
    let (weights, classifier) = model.open()?;
    // The file itself, in place of its folder, where an earlier soup may be replaced.
    check_output(output, [weights.path().unwrap_or(&model.model), path.as_path()])?;
    let Classifier { classes, kind, .. } = &classifier;
    file.check_model(path, weights.digest(), classes)?;
    let predictions = &file.predictions;
    if predictions.kind() != *kind {
        bail!(
            "{}: expected targets of the model's {kind} task, found {}",
            path.display(),
            predictions.kind()
        );
    }
    let outputs = match of {
        None => Decision::usual_outputs(*kind, classes.len()),
        Some(names) => {
            let position = |name: &String| {
                let at = classes.iter().position(|class| class == name);
                at.ok_or_else(|| anyhow!("--of: expected one of {}, found {name}", classes.join(", ")))
            };
            names.iter().map(position).collect::<anyhow::Result<_>>()?
        }
    };
    let place = |error: ff_eval::Error| anyhow!("{}: {}", path.display(), named(&error, classes));
    let method = method.unwrap_or(CalibrationMethod::default_for(*kind));
    let decision = Decision::fit(method, predictions).map_err(place)?;
    let decision = decision.with_points(*operating_point, &outputs, predictions).map_err(place)?;
    weights.save(output, Some(&with_decision(&weights, &classifier, &decision)?))?;
    if *json {
        return print_json(&decision);
    }
    let mut text = format!("{}: {method} calibration on {} images\n", output.display(), predictions.len());
    for note in decision.calibrator.notes() {
        text += &format!("  ({})\n", note.describe(classes));
    }
    if decision.points.is_empty() {
        text += "  no threshold: --of names the classes that get one\n";
    }
    for point in &decision.points {
        text += &format!(
            "  {} from {:.4}: sensitivity {:.4}, specificity {:.4} on {} positive and {} negative images\n",
            classes[point.output],
            point.threshold,
            point.sensitivity,
            point.specificity,
            point.positives,
            point.negatives
        );
    }
    print(&text)
}

/// Returns the provenance of weights with a decision, and with what it takes to use it.
fn with_decision(
    weights: &StateDict,
    classifier: &Classifier,
    decision: &Decision,
) -> anyhow::Result<Provenance> {
    let made = weights.provenance().ok().cloned();
    let mut made = made.unwrap_or_else(|| Provenance::new("calibrate", json!({})));
    if !made.recipe.is_object() {
        made.recipe = json!({});
    }
    made.recipe["model"] = serde_json::to_value(classifier.model.spec())?;
    made.recipe["classes"] = classifier.classes.clone().into();
    made.recipe["task"] = classifier.kind.name().into();
    made.recipe[Decision::KEY] = serde_json::to_value(decision)?;
    Ok(made)
}

/// An error with the name of the output in place of its number.
fn named(error: &ff_eval::Error, classes: &[String]) -> String {
    match error {
        ff_eval::Error::OneSided { output, found } => {
            let name = classes.get(*output).cloned().unwrap_or_default();
            format!(
                "{name}: expected images known to be positive and negative, found {found}\nhint: name the classes that get a threshold with --of, without {name}"
            )
        }
        other => other.to_string(),
    }
}
