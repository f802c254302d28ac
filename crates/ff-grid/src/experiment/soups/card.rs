//! The model card of a table's soup, in the form of the Hugging Face hub.

use ff_eval::{Calibrator, Chance, Decision, Metric, Score, Value};
use ff_models::Normalisation;
use ff_report::markdown_text;

use crate::config::{BackboneConfig, DatasetEntry, ModelConfig, WeightsSource};
use crate::job::SoupRecord;

/// The content of a model card.
pub(super) struct Card<'a> {
    pub backbone: &'a BackboneConfig,
    /// True if models of the row's pool are from files.
    pub from_files: bool,
    pub dataset: &'a DatasetEntry,
    pub model: &'a ModelConfig,
    /// The metric of the scores that chose.
    pub selected_by: Metric,
    pub method: &'a str,
    pub classes: &'a [String],
    pub soup: &'a SoupRecord,
    /// How logits become probabilities and decisions.
    pub decision: &'a Decision,
    /// What could not be calibrated, or has no threshold.
    pub undecided: Vec<String>,
    /// Notes on the scores, as in the table's cell.
    pub notes: Vec<String>,
    /// Scores by the name of their data: the test split first, then out-of-distribution datasets.
    pub scores: Vec<(String, Option<Score>)>,
}

impl Card<'_> {
    /// Writes YAML front matter and Markdown. Scalars are quoted as JSON, which is valid YAML.
    pub fn to_markdown(&self) -> String {
        let Card { backbone, dataset, soup, .. } = self;
        let shares = soup.soup.average.shares();
        let of = match shares.len() {
            1 => "One fine-tuned network: the selection kept a single candidate.".to_owned(),
            count => format!(
                "A model soup: the average of the weights of {count} fine-tuned networks, at the inference cost of one."
            ),
        };
        let share =
            |(name, share): &(&str, f64)| format!("| {} | {:.2} % |\n", markdown_text(name), share * 100.0);
        let Normalisation { mean, std } = self.model.normalisation(backbone.architecture);
        let note = |note: &String| format!("- Note: {}\n", markdown_text(note));
        format!(
            r"{front_matter}# {name}

{of} It was selected by {selected_by} on the validation split. The test split was not used for the selection.

## Task and data

- Architecture: `{architecture}`, images of {image_size} × {image_size} px
- Outputs, in order: {classes}
- {trained}: {dataset}
{notes}- Input: RGB from 0 to 1, resized to the square without cropping (bilinear, antialiased), minus {mean:?}, divided by {std:?}

{scores}
## Ingredients

{ingredients} of {candidates} candidates, by {method}:

| Model | Share |
|:--|--:|
{shares}
`soup.json` has the scores of all candidates and the decisions about them. Digest of the weights: `{digest}`.

## Probabilities and decisions

{decision}
## Intended use and limits

{LIMITS}

## Licence

{base} The images have terms of their own, which may also apply to models that are trained on them.

## Loading

{loading}
",
            front_matter = self.front_matter(),
            name = markdown_text(&self.name()),
            selected_by = self.selected_by.title(),
            architecture = backbone.architecture,
            image_size = self.model.image_size,
            classes = markdown_text(&self.classes.join(", ")),
            trained = if self.from_files { "Selected on" } else { "Trained on" },
            dataset = markdown_text(&dataset.name),
            notes = self.notes.iter().map(note).collect::<String>(),
            scores = self.scores(),
            ingredients = shares.len(),
            candidates = soup.candidates,
            method = markdown_text(self.method),
            shares = shares.iter().map(share).collect::<String>(),
            digest = soup.digest,
            decision = self.decisions(),
            base = if self.from_files { FROM_FILES.to_owned() } else { base(&backbone.weights) },
            loading = self.loading(),
        )
    }

    fn name(&self) -> String {
        format!("{} on {}, {}", self.backbone.name, self.dataset.name, self.method)
    }

    fn front_matter(&self) -> String {
        let mut text = format!(
            "---\nlicense: {}\n",
            quoted(if self.from_files { "unknown" } else { license(&self.backbone.weights) })
        );
        if self.backbone.architecture.timm.is_some() {
            text += "library_name: \"timm\"\n";
        }
        if let (WeightsSource::Hub(id), false) = (&self.backbone.weights, self.from_files) {
            text += &format!("base_model: {}\n", quoted(repository(id)));
        }
        text +=
            "pipeline_tag: \"image-classification\"\ntags:\n- \"image-classification\"\n- \"model-soup\"\n";
        let results: String =
            self.scores.iter().filter_map(|(on, score)| self.result(on, score.as_ref()?)).collect();
        if !results.is_empty() {
            text += &format!("model-index:\n- name: {}\n  results:\n{results}", quoted(&self.name()));
        }
        text + "---\n\n"
    }

    fn result(&self, on: &str, score: &Score) -> Option<String> {
        let value = score.value.value()?;
        let (dataset, split) = match on {
            "test" => (self.dataset.name.as_str(), "test"),
            other => (other, "out of distribution"),
        };
        let (kind, title) = (kind(score.metric), quoted(score.metric.title()));
        Some(format!(
            "  - task:\n      type: \"image-classification\"\n    dataset:\n      name: {name}\n      type: {name}\n      \
             split: {split}\n    metrics:\n    - type: \"{kind}\"\n      name: {title}\n      value: {value}\n",
            name = quoted(dataset),
            split = quoted(split),
        ))
    }

    /// Writes the table of scores, and describes its intervals.
    fn scores(&self) -> String {
        let row = |(on, score): &(String, Option<Score>)| {
            let on = markdown_text(on);
            let Some(score) = score else { return format!("| {on} | – | – | – | – |\n") };
            let value = match &score.value {
                Value::Defined(value) => {
                    format!("{value:.4}{}", if score.chance.collapsed { " †" } else { "" })
                }
                Value::Undefined(why) => format!("undefined: {}", markdown_text(why)),
            };
            let interval =
                score.interval.map_or("–".to_owned(), |of| format!("[{:.4}, {:.4}]", of.low, of.high));
            let of = score.groups.map_or(String::new(), |groups| format!(" of {groups} groups"));
            let chance = level(score.chance);
            format!("| {on} | {value} | {interval} | {chance} | {}{of} |\n", score.samples)
        };
        let collapsed = self.scores.iter().flat_map(|(_, score)| score).any(|score| score.chance.collapsed);
        let grouped = self.scores.iter().flat_map(|(_, score)| score).any(|score| score.groups.is_some());
        format!(
            r"## Scores

| On | {metric} | 95 % interval | Chance | Images |
|:--|--:|--:|--:|--:|
| validation (used for selection) | {validation} | – | {chance} | – |{fitted}
{rows}
Intervals are percentiles of bootstrap resamples of the {of}. Chance is the best that a model reaches which gives the same answer for every image.{collapsed}
",
            metric = self.dataset.metric.title(),
            fitted = self.soup.cross_fitted().map_or(String::new(), |score| format!(
                "\n| validation, cross-fitted | {} | – | {} | – |",
                number(score),
                level(self.soup.chance)
            )),
            validation = number(self.soup.validation()),
            chance = level(self.soup.chance),
            collapsed = if collapsed { " †: the model predicts one class for all images." } else { "" },
            rows = self.scores.iter().map(row).collect::<String>(),
            of = if grouped { "groups (patients), each with all its images" } else { "images" },
        )
    }

    /// Describes calibration and thresholds.
    fn decisions(&self) -> String {
        let Decision { calibrator, points } = self.decision;
        let calibrated = match calibrator {
            Calibrator::None { .. } => "Probabilities are not calibrated.".to_owned(),
            Calibrator::Temperature { temperature } => {
                format!("Probabilities are the softmax of the logits divided by {temperature:.4}.")
            }
            Calibrator::Tasks { .. } => "Each task has a calibration map of its own.".to_owned(),
        };
        let fitted = match calibrator {
            Calibrator::None { .. } => "Thresholds, if there are any, were",
            _ => "Calibration and thresholds were",
        };
        let mut text = format!(
            "{calibrated} {fitted} fitted to the validation images, on which the soup was selected too. `ff-models predict` applies them; timm gives plain logits.\n\n"
        );
        if !points.is_empty() {
            text += "| Positive | from | chosen by | sensitivity on validation | specificity on validation |\n|:--|--:|:--|--:|--:|\n";
        }
        for point in points {
            text += &format!(
                "| {} | {:.4} | {} | {:.4} | {:.4} |\n",
                markdown_text(self.classes.get(point.output).map_or("?", String::as_str)),
                point.threshold,
                point.rule,
                point.sensitivity,
                point.specificity
            );
        }
        text.extend(self.undecided.iter().map(|note| format!("\n- Note: {}", markdown_text(note))));
        text.truncate(text.trim_end().len());
        text + "\n"
    }

    fn loading(&self) -> String {
        let architecture = self.backbone.architecture;
        if architecture.timm.is_none() {
            return format!(
                "timm has no architecture `{architecture}`: it exists only in this program, for tests and demonstrations. Load \
                 `soup.safetensors` with `ff-models predict --model soup.safetensors`."
            );
        }
        r#"In Python, from the folder `timm` beside this file:

```python
import timm

model = timm.create_model("local-dir:timm", pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
```"#
            .to_owned()
    }
}

/// Intended use and limits, the same in every card.
const LIMITS: &str = "For research on images like the training images. It is not a medical device and has not been \
    evaluated in a clinical study. Its scores hold for the datasets above, not for other hospitals, cameras or \
    populations, and so do calibration and thresholds. The intervals cover other samples of the same kind of images, \
    not other training runs.";

const FROM_FILES: &str =
    "Ingredients are from files of other trainings, whose licences are unknown to this program.";

/// Describes the initial weights and their licence.
fn base(weights: &WeightsSource) -> String {
    match weights {
        WeightsSource::Pretrained | WeightsSource::Random => {
            "Training started from random weights.".to_owned()
        }
        WeightsSource::Pretrain => {
            "Training started from a network that was pretrained on the source dataset of the configuration."
                .to_owned()
        }
        WeightsSource::File(path) => {
            let file = markdown_text(&path.file_name().unwrap_or_default().to_string_lossy());
            format!("Training started from the file {file}, whose licence is unknown to this program.")
        }
        WeightsSource::Hub(id) => match license(weights) {
            "unknown" => {
                format!(
                    "Training started from `{id}`, whose licence is unknown to this program: see its page."
                )
            }
            known => format!("Training started from `{id}`, which is published under {known}."),
        },
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text has a JSON form")
}

/// Returns the hub's name of a metric.
fn kind(metric: Metric) -> &'static str {
    match metric {
        Metric::Accuracy => "accuracy",
        Metric::MacroF1 => "f1",
        Metric::MacroRecall => "recall",
        Metric::Auroc => "roc_auc",
        Metric::QuadraticKappa => "cohen_kappa",
        Metric::LogLoss => "neg_log_loss",
    }
}

/// Returns an id of the hub without its revision.
fn repository(id: &str) -> &str {
    id.split_once('@').map_or(id, |(repository, _)| repository)
}

/// Returns the licence of initial weights, as their page on the hub states it; else `unknown`.
fn license(weights: &WeightsSource) -> &'static str {
    let WeightsSource::Hub(id) = weights else { return "unknown" };
    match repository(id) {
        "timm/resnet18.a1_in1k"
        | "timm/resnet34.a1_in1k"
        | "timm/resnet50.a1_in1k"
        | "timm/deit_tiny_patch16_224.fb_in1k"
        | "timm/deit_small_patch16_224.fb_in1k"
        | "timm/deit_base_patch16_224.fb_in1k" => "apache-2.0",
        "timm/vgg16.tv_in1k" | "timm/vgg19.tv_in1k" => "bsd-3-clause",
        _ => "unknown",
    }
}

/// Formats a chance level.
fn level(chance: Chance) -> String {
    chance.level.map_or("–".to_owned(), number)
}

/// Formats a score with four decimals, and the sign of numbers.
pub(super) fn number(score: f64) -> String {
    format!("{score:.4}").replace('-', "−")
}
