//! `ff-soup select`: selects the files to average.
//!
//! It shares [`Choice::make`] with the soup jobs of a table, so the same files give the same soup
//! by hand and in a table.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use ff_checkpoint::cores;
use ff_data::OnBadImage;
use ff_grid::{
    Averages, Catalog, Choice, Chosen, Diverged, RunRecipe, Selection, SoupSpec, loader_threads, trained_on,
};
use ff_models::Spec;
use ff_soup::{Accept, Decision, Ingredients};
use ff_train::BN_IMAGES;

use crate::device::DeviceChoice;
use crate::known::validation_predictions;
use crate::options::{ConfigOptions, GLOBAL};
use crate::output::{print, print_json, say};
use crate::recipe::check_split;

/// Candidates, and how to select from them.
#[derive(Args)]
pub struct SelectOptions {
    /// How to select
    #[arg(long, value_enum)]
    method: Method,
    /// Field of the files' provenance to group them by (gou, gog)
    #[arg(long, value_name = "FIELD", default_value = "learning_rate")]
    by: String,
    #[command(flatten)]
    config: ConfigOptions,
    /// How to get a soup's BatchNorm statistics
    #[arg(long, value_enum, default_value = "recalibrate")]
    bn: BatchNorm,
    /// Training images to recompute them from, evenly spread; 0: all
    #[arg(long, value_name = "NUMBER", default_value_t = BN_IMAGES)]
    bn_images: usize,
    /// Candidates: weights that `ff-train`, `ff-soup` or `ff-grid` wrote
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
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum BatchNorm {
    /// Average them like weights
    Averaged,
    /// Recompute them for each soup, from the recipe's training images without augmentation
    Recalibrate,
}

impl SelectOptions {
    fn selection(&self) -> Selection {
        let by = self.by.clone();
        match self.method {
            Method::Uniform => Selection::Uniform {},
            Method::Greedy => Selection::Greedy { accept: Accept::default() },
            Method::Gou => Selection::Gou { by },
            Method::Gog => Selection::Gog { by },
        }
    }
}

/// Selects, writes the soup, and prints every decision.
pub fn select(options: &SelectOptions) -> anyhow::Result<()> {
    let ConfigOptions { config, data_root, set } = &options.config;
    let recipe = RunRecipe::read(config, set, None)?;
    let ingredients = Ingredients::open(&options.files)?;
    let device = options.device.find()?;
    let threads = loader_threads(device, cores().get());
    let catalog = Catalog::new(data_root, None, threads, OnBadImage::Error, 512 << 20);
    let data = catalog.open(&recipe.data()).map_err(anyhow::Error::msg);
    let data = data.with_context(|| config.display().to_string())?;
    for remark in &data.remarks {
        say(&format!("warning: {remark}"));
    }
    for one in ingredients.iter() {
        check_split(&one.id, &trained_on(&one.weights), &data.identity, options.allow_other_split)?;
    }
    let model = Spec {
        architecture: recipe.model.architecture,
        outputs: data.dataset.task().outputs(),
        image_size: recipe.model.image_size,
        precision: recipe.model.precision,
    };
    let spec = SoupSpec {
        model,
        data: data.identity.clone(),
        metric: recipe.train.metric,
        select: options.selection(),
        recalibrate: (options.bn == BatchNorm::Recalibrate).then_some(recipe.train.batch_size),
        bn_images: (options.bn == BatchNorm::Recalibrate && options.bn_images > 0)
            .then_some(options.bn_images),
        diverged: Diverged::default(),
        averages: Averages::default(),
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
    let choice = Choice {
        ingredients: &ingredients,
        spec: &spec,
        scores: HashMap::new(),
        predictions: &mut predictions,
    };
    let Chosen { soup, weights, provenance, notes, cost, .. } = choice.make(&catalog, &data, device)?;
    tracing::info!(models = options.files.len(), known, "models whose training has predicted the images");
    let whole = cost.evaluations * images as u64;
    tracing::info!(cost.evaluations, cost.evaluated_images, whole, "images evaluated");
    weights.save(&options.output, Some(&provenance))?;
    notes.iter().for_each(|note| say(&format!("note: {note}")));
    if options.json {
        return print_json(&soup);
    }
    soup.decisions.iter().try_for_each(print_decision)?;
    let (metric, taken) = (spec.metric, soup.average.shares().len());
    print(&format!("{metric} {:.4} on validation, {taken} of {} models\n", soup.score, options.files.len()))
}

fn print_decision(decision: &Decision) -> anyhow::Result<()> {
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    let verdict = if decision.taken { "taken" } else { "left out" };
    print(&format!(
        "{:8} alone {}  soup {} -> {}  {}{}{}\n",
        verdict,
        number(decision.alone),
        number(decision.before),
        match decision.at_most {
            Some(bound) => format!("at most {bound:.4}"),
            None => number(decision.with),
        },
        decision.group,
        if decision.group.is_empty() { "" } else { ": " },
        decision.candidate
    ))
}
