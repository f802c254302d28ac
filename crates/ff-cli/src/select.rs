//! `ff-soup select`: selects the files to average.
//!
//! It shares [`Choice::make`] with the soup jobs of a table, so the same files give the same soup
//! by hand and in a table.

mod by_command;
mod table;

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use ff_checkpoint::{cores, models_below};
use ff_data::OnBadImage;
use ff_eval::{Metric, Value, Verdict};
use ff_grid::{
    Averages, Catalog, Choice, Chosen, ColumnVerdict, CrossFit, Diverged, MOST_FOLDS, RunRecipe, Selection,
    SoupSpec, group_fields, loader_threads, trained_on,
};
use ff_models::Spec;
use ff_soup::{Decision, Needs, Soup};
use ff_train::{BN_IMAGES, task_kind};
use serde::Serialize;
use serde_json::json;

use crate::device::DeviceChoice;
use crate::known::validation_predictions;
use crate::merge::{self, MethodSettings, given};
use crate::options::{ConfigOptions, GLOBAL, MaybeConfig};
use crate::output::{print, print_json, say};
use crate::recipe::check_split;
use crate::score::ScoreOptions;

use self::table::ImagesOptions;

/// Bootstrap resamples of the verdict.
const RESAMPLES: usize = 1000;

/// A selection, as it is printed.
struct Selected {
    soup: Soup,
    /// What the scores that chose are.
    by: &'static str,
    /// The number of candidates.
    models: usize,
    /// What the choice is worth; `None` if there are no predictions.
    worth: Option<Worth>,
}

/// What a choice is worth on images that it was not made by.
struct Worth {
    metric: Metric,
    /// The metric of the soup, if the scores that chose are of another.
    validation: Option<f64>,
    cross_fitted: Option<CrossFit>,
    /// The verdict against the best file, and true if both are the same.
    verdict: Option<(Verdict, bool)>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    soup: &'a Soup,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_fitted: Option<&'a CrossFit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
}

/// Candidates, and how to select from them.
#[derive(Args)]
pub struct SelectOptions {
    /// How to select; may be left out with --images, for a table of several methods
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// Field of the files' provenance to group them by (gou, gog: learning_rate; with
    /// --score-command also folder, its name), or what has coefficients of its own (learned: layer or
    /// model)
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,
    /// Weights that the files were fine-tuned from: stock, line, task-arithmetic, ties, dare
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// Values of λ to try: task-arithmetic, ties, dare
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',', allow_hyphen_values = true)]
    lambda: Vec<f64>,
    /// Shares of the mean to try on the line from the base: line
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',')]
    alpha: Vec<f64>,
    #[command(flatten)]
    settings: MethodSettings,
    /// When a candidate replaces the soup so far: greedy, gou, gog, pruned, learned, line,
    /// task-arithmetic, ties, dare
    #[arg(long, value_enum)]
    accept: Option<AcceptRule>,
    /// Metric of the scores that choose, such as log-loss [default: the recipe's train.metric]
    #[arg(long, value_name = "METRIC")]
    select_by: Option<Metric>,
    /// Folds of the validation images for the cross-fitted score, 2 to 100; 0: none
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    folds: usize,
    /// Training images to compute statistics on, which are kept beside the output: fisher, regmean
    #[arg(long, value_name = "NUMBER")]
    statistics_images: Option<usize>,
    #[command(flatten)]
    config: MaybeConfig,
    #[command(flatten)]
    images: ImagesOptions,
    #[command(flatten)]
    score: ScoreOptions,
    /// Metric of the scores, with --images or of the predictions of --score-command [default:
    /// accuracy, of multilabel images auroc]
    #[arg(long, value_name = "METRIC", conflicts_with = "config")]
    metric: Option<Metric>,
    /// How to get a soup's BatchNorm statistics
    #[arg(long, value_enum, default_value = "recalibrate")]
    bn: BatchNorm,
    /// Training images to recompute them from, evenly spread; 0: all
    #[arg(long, value_name = "NUMBER", default_value_t = BN_IMAGES)]
    bn_images: usize,
    /// Candidates: files of weights; with --images or --score-command folders of them too
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// File to write the soup to
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Allow files that were trained on the recipe's images in another split
    ///
    /// The soup's provenance names the split.
    #[arg(long)]
    allow_other_split: bool,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", help_heading = GLOBAL)]
    device: DeviceChoice,
    /// Print every decision as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    /// All candidates
    Uniform,
    /// Best first, each added if the validation score rises
    Greedy,
    /// Greedy over the uniform soups of groups
    Gou,
    /// Greedy over the greedy soups of groups
    Gog,
    /// From all, each left out if the validation score rises
    Pruned,
    /// Coefficients by layer or model, fitted on validation images
    Learned,
    /// The mean, moved to the base by the angles between the files
    Stock,
    /// The best point on the line from the base to the mean
    Line,
    /// The base plus λ times the sum of the changes, with the best λ
    TaskArithmetic,
    /// The largest changes that agree in sign, with the best λ
    Ties,
    /// A random part of the changes, with the best λ
    Dare,
    /// Units permuted to match the first file's, then the mean
    Rebasin,
    /// The mean, each weight in proportion to its Fisher information
    Fisher,
    /// Layers by least squares on their inputs
    Regmean,
}

#[derive(Clone, Copy, ValueEnum)]
enum AcceptRule {
    /// If the score rises (the default of all but learned)
    Greater,
    /// If the score does not fall
    AtLeast,
    /// If the score rises by more than the standard error of the gain
    OneSe,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum BatchNorm {
    /// Average them like weights
    Averaged,
    /// Recompute them for each soup, from the recipe's training images without augmentation
    Recalibrate,
}

impl SelectOptions {
    /// Returns the files of the candidates; of a folder the models in it.
    fn candidates(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for place in &self.files {
            match place.is_dir() {
                true => files.extend(models_below(place)?),
                false => files.push(place.clone()),
            }
        }
        Ok(files)
    }

    /// The method with the settings that are given. It refuses what the method does not take.
    fn selection(&self, method: Method) -> anyhow::Result<Selection> {
        let value = method.to_possible_value();
        let kind = value.as_ref().map_or("", |value| value.get_name());
        let list = |values: &[f64]| (!values.is_empty()).then(|| json!(values));
        let mut settings = self.settings.given();
        let accept = self.accept.and_then(|rule| rule.to_possible_value());
        settings.extend(given([
            ("kind", Some(kind.into())),
            ("accept", accept.map(|value| value.get_name().into())),
            ("lambdas", list(&self.lambda)),
            ("alphas", list(&self.alpha)),
            ("by", self.by.as_deref().map(Into::into)),
            ("images", self.statistics_images.map(Into::into)),
        ]));
        let select: Selection =
            serde_json::from_value(settings.into()).map_err(|error| wrong_setting(kind, &error))?;
        select.check()?;
        match (select.needs(), &self.base) {
            (Needs::Base, None) => bail!(
                "--base: expected the weights that the files were fine-tuned from, which {kind} needs, \
                 found none\nhint: give them, such as --base probe.safetensors"
            ),
            (Needs::Nothing | Needs::Statistics(_), Some(_)) => Err(not_taken("base", kind)),
            _ => Ok(select),
        }
    }
}

/// Explains why a method does not take its settings. An unknown one is an option of other methods.
fn wrong_setting(method: &str, error: &serde_json::Error) -> anyhow::Error {
    let text = error.to_string();
    match text.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
        Some("lambdas") => not_taken("lambda", method),
        Some("alphas") => not_taken("alpha", method),
        Some("images") => not_taken("statistics-images", method),
        Some(option) => not_taken(option, method),
        None => anyhow!("--method {method}: {text}"),
    }
}

fn not_taken(option: &str, method: &str) -> anyhow::Error {
    anyhow!(
        "--{option}: expected a method that takes it, found {method}\n\
         hint: `ff-soup select --help` names them"
    )
}

/// Selects, writes the soup, and prints every decision; with `--images` a table.
pub fn select(options: &SelectOptions, verbose: u8) -> anyhow::Result<()> {
    // Wrong options are refused before anything is opened.
    if options.folds == 1 || options.folds > MOST_FOLDS {
        bail!("--folds: expected 0 (none) or 2 to {MOST_FOLDS}, found {}", options.folds);
    }
    let select = options.method.map(|method| options.selection(method)).transpose()?;
    if let (Some(command), Some(select)) = (options.score.command(options.metric)?, &select) {
        return by_command::make(options, select, &command);
    }
    match (options.config.given(), &options.images.images, select) {
        (None, Some(images), select) => table::make(options, images, select, verbose),
        (Some(config), None, Some(select)) => of_recipe(options, &config, select),
        (_, None, None) => {
            bail!("--method: expected how to select, found none\nhint: such as --method greedy")
        }
        (Some(_), Some(_), _) => bail!("expected --config or --images, found both"),
        (None, None, _) => bail!(
            "expected a recipe (--config) or images (--images), found neither\n\
             hint: give the images to choose by, such as --images data, or a command that scores \
             weights, --score-command"
        ),
    }
}

/// Selects by the images of a recipe.
fn of_recipe(options: &SelectOptions, config: &ConfigOptions, select: Selection) -> anyhow::Result<()> {
    let ConfigOptions { config, data_root, set } = config;
    let recipe = RunRecipe::read(config, set, None)?;
    let ingredients = merge::open(&options.files, options.base.as_deref())?.with_fields(group_fields);
    let device = options.device.find()?;
    let threads = loader_threads(device, cores().get());
    let catalog = Catalog::new(data_root, None, threads, OnBadImage::Error, 512 << 20);
    let data = catalog.open(&recipe.data()).map_err(anyhow::Error::msg);
    let data = data.with_context(|| config.display().to_string())?;
    for remark in &data.remarks {
        say(&format!("warning: {remark}"));
    }
    for one in ingredients.iter().chain(ingredients.base()) {
        check_split(&one.id, &trained_on(&one.weights), &data.identity, options.allow_other_split)?;
    }
    let model = Spec {
        architecture: recipe.model.architecture,
        outputs: data.dataset.task().outputs(),
        image_size: recipe.model.image_size,
        precision: recipe.model.precision,
        normalisation: recipe.model.normalisation,
    };
    let (metric, kind) = (recipe.train.metric, task_kind(data.dataset.task()));
    if let Some(by) = options.select_by.filter(|by| !by.applies_to(kind)) {
        bail!("--select-by: {by} does not apply to {kind} targets\nhint: choose log-loss or auroc");
    }
    let recalibrated = options.bn == BatchNorm::Recalibrate && recipe.model.architecture.batch_norm;
    let spec = SoupSpec {
        model,
        data: data.identity.clone(),
        metric,
        select,
        select_by: options.select_by.filter(|by| *by != metric),
        folds: (options.folds > 0).then_some(options.folds),
        recalibrate: recalibrated.then_some(recipe.train.batch_size),
        bn_images: (recalibrated && options.bn_images > 0).then_some(options.bn_images),
        diverged: Diverged::default(),
        averages: Averages::default(),
        filter: None,
    };
    let images = data.splits.val.len();
    let mut known = 0;
    let mut predictions = |id: &str| {
        let one = ingredients.iter().find(|one| one.id == id);
        let found = one.and_then(|one| validation_predictions(&one.weights, &spec.model, &data.identity));
        let found = found.filter(|found| found.len() == images);
        known += usize::from(found.is_some());
        Ok(found)
    };
    // The whole name, since the output may have no extension, and others differ in theirs only.
    let mut folder = options.output.clone().into_os_string();
    folder.push(".statistics");
    let choice = Choice {
        ingredients: &ingredients,
        spec: &spec,
        scores: HashMap::new(),
        predictions: &mut predictions,
        folder: folder.as_ref(),
        verdict: (options.folds > 0).then_some((RESAMPLES, 0)),
    };
    let chosen = choice.make(&catalog, &data, device)?;
    let Chosen { soup, weights, provenance, notes, cost, validation, cross_fitted, verdict, .. } = chosen;
    tracing::info!(models = options.files.len(), known, "models whose training has predicted the images");
    let whole = cost.evaluations * images as u64;
    tracing::info!(cost.evaluations, cost.evaluated_images, whole, "images evaluated");
    weights.save(&options.output, Some(&provenance))?;
    notes.iter().for_each(|note| say(&format!("note: {note}")));
    let cross_fitted = cross_fitted.map(|(of, _)| of);
    let worth = Worth { metric, validation, cross_fitted, verdict };
    let by = spec.chooses_by().name();
    Selected { soup, by, models: options.files.len(), worth: Some(worth) }.print(options)
}

impl Selected {
    /// Prints every decision, the score, and what the choice is worth.
    fn print(&self, options: &SelectOptions) -> anyhow::Result<()> {
        let Self { soup, by, models, worth } = self;
        if options.json {
            let worth = worth.as_ref();
            return print_json(&Printed {
                soup,
                validation: worth.and_then(|worth| worth.validation),
                cross_fitted: worth.and_then(|worth| worth.cross_fitted.as_ref()),
                verdict: worth.and_then(|worth| worth.verdict.as_ref()).map(|(of, _)| of),
            });
        }
        let change = if let Some(Method::Pruned) = options.method { "without" } else { "with" };
        soup.decisions.iter().try_for_each(|decision| print_decision(decision, change))?;
        let taken = soup.average.shares().len();
        print(&format!("{by} {:.4} on validation, {taken} of {models} models\n", soup.score))?;
        worth.as_ref().map_or(Ok(()), |worth| worth.print(soup))
    }
}

impl Worth {
    /// Prints what the choice is worth on images that it was not made by, and the verdict.
    fn print(&self, soup: &Soup) -> anyhow::Result<()> {
        let metric = self.metric;
        if let Some(score) = self.validation {
            print(&format!("{metric} {score:.4} on validation\n"))?;
        }
        let Some(of) = &self.cross_fitted else { return Ok(()) };
        match (&of.score, of.folds) {
            (Value::Undefined(why), _) => print(&format!("not cross-fitted: {why}\n"))?,
            (Value::Defined(_), 0) => print("nothing was chosen on validation images\n")?,
            (Value::Defined(score), folds) => {
                let optimism = self.validation.unwrap_or(soup.score) - score;
                print(&format!(
                    "{metric} {score:.4} cross-fitted in {folds} folds: optimism {optimism:+.4}\n"
                ))?;
            }
        }
        of.notes.iter().for_each(|note| say(&format!("note: {note}")));
        let Some((of, same)) = &self.verdict else { return Ok(()) };
        if *same {
            return print("the soup is the best file\n");
        }
        let (soup, single) = ("the soup".to_owned(), "the best file".to_owned());
        let said = ColumnVerdict { soup, single, same: *same, of: of.clone() }.sentence(metric);
        print(&format!("{said}\n"))
    }
}

/// Prints a decision; `change` says whether the soup was tried with the candidate or without it.
fn print_decision(decision: &Decision, change: &str) -> anyhow::Result<()> {
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    let verdict = if decision.taken { "taken" } else { "left out" };
    print(&format!(
        "{:8} alone {}  soup {}, {change} it {}  {}{}{}\n",
        verdict,
        number(decision.alone),
        number(decision.before),
        match decision.at_most {
            Some(bound) => format!("at most {bound:.4}"),
            None => number(decision.tried),
        },
        decision.group,
        if decision.group.is_empty() { "" } else { ": " },
        decision.candidate
    ))
}
