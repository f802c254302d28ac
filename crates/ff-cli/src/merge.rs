//! `ff-soup merge`: merges files of weights by a rule that needs no images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use ff_checkpoint::StateDict;
use ff_soup::{Average, AveragedModel, Ingredient, Ingredients, METHODS, Merged, Needs};
use serde_json::{Map, Value, json};

use crate::output::say;
use crate::output_file::check_output;

/// Files of weights, and how to merge them.
#[derive(Args)]
pub struct MergeOptions {
    /// How to merge
    #[arg(long, value_name = "METHOD", default_value = "uniform", value_parser = methods())]
    method: String,
    /// Weights that the files were fine-tuned from: stock, line, task-arithmetic, ties, dare
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// λ, the factor of what training changed: task-arithmetic, ties, dare
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    lambda: Option<f64>,
    /// Share of the mean on the line from the base, 0 to 1: line
    #[arg(long, value_name = "NUMBER")]
    alpha: Option<f64>,
    #[command(flatten)]
    settings: MethodSettings,
    /// Share of each file, in their order: linear
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',', allow_hyphen_values = true)]
    coefficients: Vec<f64>,
    /// Files of weights of one architecture
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// File to write the merged weights to
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Settings of merge methods. One that is not given has the method's default, if it has one.
#[derive(Args)]
pub struct MethodSettings {
    /// Share of each tensor's changes that is kept: ties
    #[arg(long, value_name = "NUMBER")]
    pub density: Option<f64>,
    /// Share of the changes that is dropped: dare
    #[arg(long, value_name = "NUMBER")]
    pub drop: Option<f64>,
    /// Seed of what is random: dare, rebasin (merge), learned (select)
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
}

impl MethodSettings {
    /// Returns the settings that are given, by name.
    pub fn given(&self) -> Map<String, Value> {
        given([
            ("density", self.density.map(Value::from)),
            ("drop", self.drop.map(Value::from)),
            ("seed", self.seed.map(Value::from)),
        ])
    }
}

/// Returns the settings that have a value.
pub(crate) fn given<const N: usize>(settings: [(&str, Option<Value>); N]) -> Map<String, Value> {
    settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The methods of `ff-soup select` that choose or fit by validation images.
const BY_VALIDATION: [&str; 5] = ["greedy", "gou", "gog", "pruned", "learned"];

/// The images that a method needs, which this command does not have.
fn images_of(method: &str) -> Option<&'static str> {
    let needs = METHODS.iter().find(|kind| kind.name == method).map(|kind| kind.needs);
    match needs {
        Some(Needs::Statistics(_)) => Some("training images"),
        Some(Needs::Nothing | Needs::Base) => None,
        None => Some("validation images"),
    }
}

/// The methods that need no images. The others are hidden: their error names the command for them.
fn methods() -> PossibleValuesParser {
    let rules = METHODS.iter().map(|kind| PossibleValue::new(kind.name).help(kind.about));
    let all = rules.chain(BY_VALIDATION.map(PossibleValue::new));
    PossibleValuesParser::new(all.map(|value| {
        let hidden = images_of(value.get_name()).is_some();
        value.hide(hidden)
    }))
}

impl MergeOptions {
    /// Opens the files and the base, unless the method needs images or the output is one of them.
    pub(crate) fn open(&self) -> anyhow::Result<Ingredients> {
        let Self { method, files, output, .. } = self;
        if let Some(images) = images_of(method) {
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            bail!(
                "--method {method}: expected a method that needs no images, found one that needs {images}\n\
                 hint: `ff-soup select --method {method} --config RECIPE.toml --output {} {}`",
                output.display(),
                names.join(" ")
            );
        }
        check_output(output, files.iter().chain(&self.base).map(PathBuf::as_path))?;
        open(&self.files, self.base.as_deref())
    }

    /// Merges opened files.
    pub(crate) fn merge(&self, ingredients: &Ingredients) -> anyhow::Result<AveragedModel> {
        let mut settings = self.settings.given();
        let coefficients = || json!([{"layer": "", "values": self.coefficients}]);
        settings.extend(given([
            ("lambda", self.lambda.map(Value::from)),
            ("alpha", self.alpha.map(Value::from)),
            ("coefficients", (!self.coefficients.is_empty()).then(coefficients)),
        ]));
        let average = Average::Merged(Box::new(Merged {
            method: self.method.clone(),
            settings: settings.into(),
            base: ingredients.base().map(|base| base.id.clone()),
            statistics: Vec::new(),
            parts: ingredients.iter().map(|one| Average::Ingredient(one.id.clone())).collect(),
        }));
        Ok(ingredients.build(&average)?)
    }
}

/// Opens files of weights and their base, and checks that they fit.
pub(crate) fn open(files: &[PathBuf], base: Option<&Path>) -> anyhow::Result<Ingredients> {
    with_base(Ingredients::open(files)?, base)
}

/// Opens the base of models, and checks that it fits. It says which weights in the files of the models
/// are not used.
pub(crate) fn with_base(ingredients: Ingredients, base: Option<&Path>) -> anyhow::Result<Ingredients> {
    let mut others = BTreeMap::new();
    for name in ingredients.iter().flat_map(|one| one.weights.other_sets()) {
        *others.entry(name).or_insert(0) += 1;
    }
    for (name, count) in others {
        say(&format!("note: {count} of {} files: also holds {name}, not used", ingredients.len()));
    }
    match base {
        Some(path) => Ok(ingredients.with_base(Ingredient::open(path)?)?),
        None => Ok(ingredients),
    }
}

/// Merges the files and writes the result.
pub fn merge(options: &MergeOptions) -> anyhow::Result<()> {
    let merged = options.merge(&options.open()?)?;
    merged.save(&options.output)?;
    say_of_statistics(&merged.weights, "`ff-soup select` recomputes them from training images");
    Ok(())
}

/// Says that running statistics of BatchNorm are merged like weights, if there are any.
pub(crate) fn say_of_statistics(weights: &StateDict, hint: &str) {
    if weights.names().any(|name| name.ends_with("running_var")) {
        say(&format!(
            "note: the running statistics of BatchNorm are merged too; recomputed ones are usually better\n\
             hint: {hint}"
        ));
    }
}
