//! `ff-models info`: what a file of weights is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use ff_checkpoint::{Digest, Provenance, StateDict, trained_on};
use ff_eval::Decision;
use ff_models::{Architecture, Identity, Normalisation, Spec};
use indicatif::HumanBytes;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::hub::Blob;
use crate::output::{describe, print, print_json};

/// The names in a long list that the text has; the JSON has all.
const LISTED: usize = 8;

/// Files of weights.
#[derive(Args)]
pub struct Info {
    /// Files of weights, or folders that hold one model
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Architecture, where nothing else tells it
    #[arg(long)]
    arch: Option<Architecture>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn info(options: &Info) -> anyhow::Result<()> {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for path in &options.files {
        match Description::of(path, options.arch) {
            Ok(description) => found.push(description),
            Err(error) => refused.push(describe(&error)),
        }
    }
    match options.json {
        _ if found.is_empty() => {}
        true => print_json(&found)?,
        false => print(&found.iter().map(Description::text).collect::<Vec<_>>().join("\n"))?,
    }
    if !refused.is_empty() {
        bail!(refused.join("\n"));
    }
    Ok(())
}

/// What a file is.
#[derive(Serialize)]
struct Description {
    file: String,
    form: String,
    files: usize,
    bytes: usize,
    /// The checksum that is its name in the hub's cache, and that it has.
    hub: Option<String>,
    digest: Digest,
    tensors: usize,
    elements: usize,
    /// Tensors of each type.
    types: BTreeMap<String, usize>,
    not_finite: Option<String>,
    network: Option<Network>,
    /// Why there is no network.
    unknown: Option<Unknown>,
    /// Calibration and thresholds, if the file records them.
    decision: Option<Value>,
    provenance: Option<Provenance>,
    trained_on: Vec<Value>,
    saved_with: Map<String, Value>,
}

/// What the tensors and the records of a file say of its network.
#[derive(Serialize)]
struct Network {
    architecture: Architecture,
    told_by: String,
    outputs: usize,
    classes: Option<Vec<String>>,
    classes_told_by: Option<String>,
    image_size: Option<u32>,
    normalisation: Option<Normalisation>,
    weights: Option<u64>,
    multiply_adds: Option<u64>,
    notes: Vec<String>,
}

/// Weights of no known network.
#[derive(Serialize)]
struct Unknown {
    why: String,
    /// The sets of weights in the file that are not used.
    other_sets: Vec<&'static str>,
    /// The tensors: names, types and shapes.
    tensors: Vec<(String, String, Vec<usize>)>,
}

impl Description {
    fn of(path: &Path, asked: Option<Architecture>) -> anyhow::Result<Self> {
        let opened = StateDict::open(path);
        let file = opened.as_ref().ok().and_then(StateDict::path).unwrap_or(path);
        let blob = Blob::at(file);
        // The error names the damage, and not what it makes of the file.
        if let Some(blob) = &blob {
            blob.check(None)?;
        }
        let weights = opened?;
        let (network, unknown) = match Identity::of(&weights, asked) {
            Ok(identity) => (Some(Network::of(identity)), None),
            Err(error) => (None, Some(Unknown::of(&weights, error.to_string()))),
        };
        let mut types = BTreeMap::new();
        for (_, tensor) in weights.iter() {
            *types.entry(tensor.dtype.to_string()).or_default() += 1;
        }
        let files = weights.files();
        Ok(Self {
            file: weights.path().unwrap_or(path).display().to_string(),
            form: files.first().map_or_else(String::new, |(form, _)| form.to_string()),
            files: files.len(),
            bytes: files.iter().map(|(_, bytes)| bytes).sum(),
            hub: blob.map(|blob| blob.sha256.to_string()),
            digest: *weights.digest(),
            tensors: weights.len(),
            elements: weights.iter().map(|(_, tensor)| tensor.elements()).sum(),
            types,
            not_finite: weights.first_not_finite().map(str::to_owned),
            network,
            unknown,
            decision: weights.provenance().ok().and_then(|made| made.recipe.get(Decision::KEY)).cloned(),
            provenance: weights.provenance().ok().cloned(),
            trained_on: trained_on(&weights),
            saved_with: weights.saved_with().clone(),
        })
    }

    fn text(&self) -> String {
        let mut lines = Lines(format!("{}\n", self.file));
        let shards = if self.files > 1 { format!(", {} shards", self.files) } else { String::new() };
        lines.add("form", &format!("{}{shards}, {}", self.form, HumanBytes(self.bytes as u64)));
        if let Some(checksum) = &self.hub {
            lines.add("hub", &format!("{checksum}, as the Hugging Face hub says"));
        }
        let types = self.types.iter().map(|(name, count)| format!("{count} {name}"));
        let types = types.collect::<Vec<_>>().join(", ");
        lines.add("tensors", &format!("{types}; {} numbers", millions(self.elements as u64)));
        lines.add("digest", &self.digest.to_string());
        if let Some(name) = &self.not_finite {
            lines.add("not finite", &format!("a value of `{name}`, the first such tensor"));
        }
        if let Some(network) = &self.network {
            network.write(&mut lines);
        }
        if let Some(decision) = &self.decision {
            self.write_decision(decision, &mut lines);
        }
        if let Some(unknown) = &self.unknown {
            unknown.write(&mut lines);
        }
        if let Some(made) = &self.provenance {
            write_provenance(made, &self.trained_on, &mut lines);
        }
        if !self.saved_with.is_empty() {
            lines.add("saved with", &listed(self.saved_with.keys().cloned()));
        }
        lines.0
    }
}

impl Description {
    /// Writes which calibration the file has, and the threshold of each class.
    fn write_decision(&self, decision: &Value, lines: &mut Lines) {
        lines.add("calibration", decision["calibrator"]["kind"].as_str().unwrap_or("unknown"));
        let names = self.network.as_ref().and_then(|network| network.classes.as_ref());
        for point in decision["points"].as_array().into_iter().flatten() {
            let output = point["output"].as_u64().and_then(|at| usize::try_from(at).ok());
            let name = output.and_then(|at| names?.get(at)).map_or("?", String::as_str);
            let from = point["threshold"].as_f64().unwrap_or(f64::NAN);
            lines.add("threshold", &format!("{name} from {from:.4}"));
        }
    }
}

impl Network {
    fn of(identity: Identity) -> Self {
        let Identity { architecture, told_by, outputs, classes, image_size, normalisation, notes, .. } =
            identity;
        let spec = Spec {
            image_size: image_size.unwrap_or(architecture.image_size),
            ..Spec::new(architecture, outputs)
        };
        // A position embedding may be for images above the maximum size.
        let cost = spec.cost().ok();
        let (classes, classes_told_by) = classes.unzip();
        Self {
            architecture,
            told_by,
            outputs,
            classes,
            classes_told_by,
            image_size,
            normalisation,
            weights: cost.map(|cost| cost.weights),
            multiply_adds: cost.map(|cost| cost.multiply_adds),
            notes,
        }
    }

    fn write(&self, lines: &mut Lines) {
        let Self { architecture, told_by, outputs, .. } = self;
        let cost = self.weights.zip(self.multiply_adds).map(|(weights, multiply_adds)| {
            format!("; {} weights, {:.2} G multiply-adds", millions(weights), multiply_adds as f64 / 1e9)
        });
        lines.add("network", &format!("{architecture}, told by {told_by}{}", cost.unwrap_or_default()));
        let classes = match (&self.classes, &self.classes_told_by) {
            (Some(names), Some(told_by)) => {
                format!("{outputs}: {} (told by {told_by})", listed(names.iter().cloned()))
            }
            _ => format!("{outputs}: their order is not recorded"),
        };
        lines.add("outputs", &classes);
        let size = match self.image_size {
            Some(px) => format!("{px} px"),
            None => format!("size not recorded ({architecture} has {} px)", architecture.image_size),
        };
        let (Normalisation { mean, std }, whose) = match self.normalisation {
            Some(own) => (own, String::new()),
            None => (architecture.normalisation, format!(" (not recorded: that of {architecture})")),
        };
        lines.add("images", &format!("{size}; mean {mean:?}, std {std:?}{whose}"));
        self.notes.iter().for_each(|note| lines.add("note", note));
    }
}

impl Unknown {
    fn of(weights: &StateDict, why: String) -> Self {
        let tensors = weights
            .iter()
            .map(|(name, tensor)| (name.to_owned(), tensor.dtype.to_string(), tensor.shape.to_vec()));
        Self { why, other_sets: weights.other_sets().to_vec(), tensors: tensors.collect() }
    }

    fn write(&self, lines: &mut Lines) {
        lines.add("network", &format!("unknown: {}", self.why));
        if !self.other_sets.is_empty() {
            lines.add("note", &format!("also holds {}, not used", self.other_sets.join(" and ")));
        }
        let line = |(name, dtype, shape): &(String, String, Vec<usize>)| format!("{name}: {dtype} {shape:?}");
        let (first, rest) = self.tensors.split_at(self.tensors.len().min(LISTED / 2));
        let last = &rest[rest.len().saturating_sub(LISTED / 2)..];
        let between =
            if first.len() + last.len() < self.tensors.len() { vec!["…".to_owned()] } else { vec![] };
        let shown = first.iter().map(line).chain(between).chain(last.iter().map(line));
        lines.add("names", &shown.collect::<Vec<_>>().join("\n"));
    }
}

fn write_provenance(made: &Provenance, trained_on: &[Value], lines: &mut Lines) {
    lines.add("made as", &format!("{}, by version {} of this software", made.kind, made.code_version));
    if !made.parents.is_empty() {
        let parents = made.parents.iter().map(|parent| match parent.weight {
            Some(share) => format!("{} ({share:.3})", parent.id),
            None => parent.id.clone(),
        });
        lines.add("made from", &listed(parents));
    }
    let digest =
        |data: &Value, key: &str| data[key].as_str().unwrap_or("?").chars().take(12).collect::<String>();
    let line = |data: &Value| format!("data {}, split {}", digest(data, "digest"), digest(data, "split"));
    // A soup's own data, which is the first, chose among models.
    let chose = made.kind == "soup" && made.recipe["data"].is_object();
    let (selected_on, trained_on) = trained_on.split_at(usize::from(chose));
    for (name, data) in [("selected on", selected_on), ("trained on", trained_on)] {
        if !data.is_empty() {
            lines.add(name, &data.iter().map(line).collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Lines of a name and a value.
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: &str) {
        self.0 += &format!("  {name:<11} {}\n", value.replace('\n', "\n              "));
    }
}

/// Joins names, of many the first and their number.
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let count = names.len();
    let shown = names.take(LISTED).collect::<Vec<_>>().join(", ");
    if count > LISTED { format!("{shown}, … ({count})") } else { shown }
}

fn millions(count: u64) -> String {
    format!("{:.2} M", count as f64 / 1e6)
}
