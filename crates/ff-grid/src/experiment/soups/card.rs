//! The model card of a delivered soup, as the Hugging Face hub shows it.

use std::fmt::Write as _;

use ff_eval::{Metric, Score, Value};
use ff_report::markdown_text;

use crate::config::{BackboneConfig, DatasetEntry, ModelConfig, WeightsSource};
use crate::job::SoupRecord;

/// What a card says.
pub(super) struct Card<'a> {
    pub backbone: &'a BackboneConfig,
    pub dataset: &'a DatasetEntry,
    pub model: &'a ModelConfig,
    pub method: &'a str,
    pub classes: &'a [String],
    pub soup: &'a SoupRecord,
    /// What a reader must know of the scores: what the table says of the same cell.
    pub notes: Vec<String>,
    /// By the name of what they are on: the test split first, then data from elsewhere.
    pub scores: Vec<(String, Option<Score>)>,
}

impl Card<'_> {
    /// YAML front matter and Markdown. Scalars are quoted as JSON, which is YAML.
    pub fn to_markdown(&self) -> String {
        let mut text = self.front_matter();
        // Writing to a String cannot fail.
        let _ = self.body(&mut text);
        text
    }

    fn name(&self) -> String {
        format!("{} on {}, {}", self.backbone.name, self.dataset.name, self.method)
    }

    fn front_matter(&self) -> String {
        let mut text = format!("---\nlicense: {}\n", quoted(license(&self.backbone.weights)));
        if self.backbone.architecture.timm.is_some() {
            text += "library_name: \"timm\"\n";
        }
        if let WeightsSource::Hub(id) = &self.backbone.weights {
            text += &format!("base_model: {}\n", quoted(id));
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

    fn body(&self, text: &mut String) -> std::fmt::Result {
        let Card { backbone, dataset, soup, .. } = self;
        let shares = soup.soup.average.shares();
        writeln!(text, "# {}\n", markdown_text(&self.name()))?;
        let of = match shares.len() {
            1 => "One fine-tuned network: the choice among the candidates kept a single one.".to_owned(),
            count => format!(
                "A model soup: the mean of the weights of {count} fine-tuned networks, at the cost of one."
            ),
        };
        writeln!(
            text,
            "{of} It was chosen by {} on the validation split; no test image was looked at for it.\n",
            dataset.metric.title()
        )?;
        self.task(text)?;
        self.scores(text)?;
        writeln!(
            text,
            "## Ingredients\n\n{} of {} candidates, by {}:\n",
            shares.len(),
            soup.candidates,
            markdown_text(self.method)
        )?;
        writeln!(text, "| Model | Share |\n|:--|--:|")?;
        for (name, share) in shares {
            writeln!(text, "| {} | {:.2} % |", markdown_text(name), share * 100.0)?;
        }
        writeln!(
            text,
            "\nEvery candidate's score and fate is in `soup.json`. Digest of the weights: `{}`.\n",
            soup.digest
        )?;
        text.push_str(
            "## Intended use and limits\n\nFor research on images like those it was trained on. It is not a medical device and no \
             clinical study stands behind it. Its scores speak of the datasets above and of no other hospital, camera or \
             population; the intervals speak of other draws of the same kind of images, not of other training runs. Outputs \
             are not calibrated unless a report says so.\n\n",
        );
        let base = match &backbone.weights {
            WeightsSource::Random => "Training started from random weights.".to_owned(),
            WeightsSource::Pretrain => {
                "Training started from a network pretrained here, on the source domain of the configuration."
                    .to_owned()
            }
            WeightsSource::File(path) => {
                let file = markdown_text(&path.file_name().unwrap_or_default().to_string_lossy());
                format!("Training started from the file {file}, whose licence is not known here.")
            }
            WeightsSource::Hub(id) => match license(&backbone.weights) {
                "unknown" => {
                    format!("Training started from `{id}`, whose licence is not known here: see its page.")
                }
                known => format!("Training started from `{id}`, which is published under {known}."),
            },
        };
        writeln!(
            text,
            "## Licence\n\n{base} The images have terms of their own, which may bind what is learnt from them.\n"
        )?;
        self.loading(text)
    }

    fn task(&self, text: &mut String) -> std::fmt::Result {
        let Card { backbone, dataset, model, classes, .. } = self;
        writeln!(text, "## Task and data\n")?;
        writeln!(
            text,
            "- Architecture: `{}`, images of {image_size} × {image_size} px",
            backbone.architecture,
            image_size = model.image_size
        )?;
        writeln!(text, "- Outputs, in order: {}", markdown_text(&classes.join(", ")))?;
        writeln!(text, "- Trained on: {}", markdown_text(&dataset.name))?;
        for note in &self.notes {
            writeln!(text, "- Note: {}", markdown_text(note))?;
        }
        let [mean, std] = [backbone.architecture.mean, backbone.architecture.std];
        writeln!(
            text,
            "- Input: RGB in 0 to 1, resized to the square without cropping (bilinear, antialiased), less {mean:?}, over {std:?}\n"
        )
    }

    fn scores(&self, text: &mut String) -> std::fmt::Result {
        let metric = self.dataset.metric.title();
        writeln!(text, "## Scores\n\n| On | {metric} | 95 % interval | Images |\n|:--|--:|--:|--:|")?;
        writeln!(text, "| validation, by which it was chosen | {:.4} | – | – |", self.soup.soup.score)?;
        for (on, score) in &self.scores {
            let on = markdown_text(on);
            let Some(score) = score else {
                writeln!(text, "| {on} | – | – | – |")?;
                continue;
            };
            let value = match &score.value {
                Value::Defined(value) => format!("{value:.4}"),
                Value::Undefined(why) => format!("undefined: {}", markdown_text(why)),
            };
            let interval =
                score.interval.map_or("–".to_owned(), |of| format!("[{:.4}, {:.4}]", of.low, of.high));
            let of = score.groups.map_or(String::new(), |groups| format!(" of {groups} groups"));
            writeln!(text, "| {on} | {value} | {interval} | {}{of} |", score.samples)?;
        }
        let grouped = self.scores.iter().flat_map(|(_, score)| score).any(|score| score.groups.is_some());
        let of = if grouped { "groups (patients), each with all its images" } else { "images" };
        writeln!(text, "\nIntervals are percentiles of bootstrap resamples of the {of}.\n")
    }

    fn loading(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "## Loading\n")?;
        if self.backbone.architecture.timm.is_some() {
            writeln!(
                text,
                "In Python, from the folder `timm` beside this file:\n\n```python\nimport timm\n"
            )?;
            writeln!(text, "model = timm.create_model(\"local-dir:timm\", pretrained=True).eval()")?;
            writeln!(
                text,
                "transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))\n```"
            )
        } else {
            writeln!(
                text,
                "timm has no architecture `{}`: it is one of this program's own, for tests and demonstrations. Load \
                 `soup.safetensors` with `ff-train predict --checkpoint soup.safetensors` or `ff-models logits`.",
                self.backbone.architecture
            )
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text has a JSON form")
}

/// The hub's name of a metric.
fn kind(metric: Metric) -> &'static str {
    match metric {
        Metric::Accuracy => "accuracy",
        Metric::MacroF1 => "f1",
        Metric::MacroRecall => "recall",
        Metric::Auroc => "roc_auc",
        Metric::QuadraticKappa => "cohen_kappa",
    }
}

/// The licence of base weights, where their page is known to state it.
fn license(weights: &WeightsSource) -> &'static str {
    let WeightsSource::Hub(id) = weights else { return "unknown" };
    match id.as_str() {
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
