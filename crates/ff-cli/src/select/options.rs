//! The options of `ff-soup select`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use ff_eval::Metric;
use ff_grid::{BnStatistics, PoolConfig, Selection};
use ff_soup::Needs;
use ff_train::BN_IMAGES;
use serde_json::json;

use crate::device::DeviceChoice;
use crate::merge::{MethodSettings, given};
use crate::options::{GLOBAL, MaybeConfig, RunsOption};
use crate::output_file::check_output;
use crate::score::{ScoreOptions, beside};
use crate::source::{BadImage, shares};

/// Candidates, and how to select from them.
#[derive(Args)]
pub struct SelectOptions {
    /// How to select; may be left out with --images, for a table of several methods
    #[arg(long, value_enum)]
    pub(super) method: Option<Method>,
    /// Field of the files' provenance to group them by (gou, gog: learning_rate, with --images folder;
    /// --score-command has folder too, its name), or what has coefficients of its own (learned: layer or
    /// model)
    #[arg(long, value_name = "FIELD")]
    pub(super) by: Option<String>,
    /// Weights that the files were fine-tuned from: stock, line, task-arithmetic, ties, dare
    #[arg(long, value_name = "FILE")]
    pub(super) base: Option<PathBuf>,
    /// Values of λ to try: task-arithmetic, ties, dare
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(super) lambda: Vec<f64>,
    /// Shares of the mean to try on the line from the base: line
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',')]
    pub(super) alpha: Vec<f64>,
    #[command(flatten)]
    pub(super) settings: MethodSettings,
    /// When a candidate replaces the soup so far: greedy, gou, gog, pruned, learned, line,
    /// task-arithmetic, ties, dare
    #[arg(long, value_enum)]
    pub(super) accept: Option<AcceptRule>,
    /// Metric of the scores that choose, such as log-loss [default: the recipe's train.metric]
    #[arg(long, value_name = "METRIC")]
    pub(super) select_by: Option<Metric>,
    /// Folds of the validation images for the cross-fitted score, 2 to 100; 0: none [default: 3]
    #[arg(long, value_name = "NUMBER")]
    pub(super) folds: Option<usize>,
    /// Training images to compute statistics on, which are kept beside the output: fisher, regmean
    #[arg(long, value_name = "NUMBER")]
    pub(super) statistics_images: Option<usize>,
    #[command(flatten)]
    pub(super) config: MaybeConfig,
    #[command(flatten)]
    pub(super) images: ImagesOptions,
    #[command(flatten)]
    pub(super) score: ScoreOptions,
    /// Metric of the scores, with --images or of the predictions of --score-command [default:
    /// accuracy, of multilabel images auroc]
    #[arg(long, value_name = "METRIC", conflicts_with = "config")]
    pub(super) metric: Option<Metric>,
    /// How to get a soup's BatchNorm statistics
    #[arg(long, value_enum, default_value = "recalibrate")]
    pub(super) bn: BatchNorm,
    /// Training images to recompute them from, evenly spread; 0: all
    #[arg(long, value_name = "NUMBER", default_value_t = BN_IMAGES)]
    pub(super) bn_images: usize,
    /// Candidates: files of weights; with --images or --score-command folders of them too
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// File to write the soup to
    #[arg(long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Allow files that were trained on the recipe's images in another split
    ///
    /// The soup's provenance names the split.
    #[arg(long)]
    pub(super) allow_other_split: bool,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", help_heading = GLOBAL)]
    pub(super) device: DeviceChoice,
    /// Print every decision as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Method {
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
pub(super) enum AcceptRule {
    /// If the score rises (the default of all but learned)
    Greater,
    /// If the score does not fall
    AtLeast,
    /// If the score rises by more than the standard error of the gain
    OneSe,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum BatchNorm {
    /// Average them like weights
    Averaged,
    /// Recompute them for each soup, from the recipe's training images without augmentation
    Recalibrate,
}

impl SelectOptions {
    /// Returns the files of the candidates; of a folder the models in it, without the results of this
    /// selection and of other runs.
    pub(super) fn candidates(&self) -> anyhow::Result<Vec<PathBuf>> {
        let pool = PoolConfig { files: self.files.clone(), except: self.results(), ..PoolConfig::default() };
        Ok(pool.models()?.into_iter().map(|(_, path)| path).collect())
    }

    /// Returns the folds of the cross-fitted score, 0 for none.
    pub(super) fn folds(&self) -> usize {
        self.folds.unwrap_or(3)
    }

    /// Checks that the output can be written and is none of the models, before anything is computed.
    pub(super) fn check_output(&self) -> anyhow::Result<()> {
        let output = self.output.display();
        check_output(&self.output, self.files.iter().chain(&self.base).map(PathBuf::as_path))?;
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        if !folder.is_dir() {
            bail!(
                "--output: expected a file in a folder that exists, found {output}\n\
                 hint: create the folder first: mkdir -p {}",
                folder.display()
            );
        }
        // As that of the output itself, which is renamed once it is whole.
        tempfile::tempfile_in(folder)
            .with_context(|| format!("--output: {}: cannot be written to", folder.display()))?;
        Ok(())
    }

    /// Returns the files and folders that a selection writes.
    pub(super) fn results(&self) -> Vec<PathBuf> {
        let own = ["", ".scores", ".statistics"].map(|ending| beside(&self.output, ending));
        own.into_iter().chain([self.images.runs.runs.clone()]).collect()
    }

    /// The method with the settings that are given. It refuses what the method does not take.
    pub(super) fn selection(&self, method: Method) -> anyhow::Result<Selection> {
        let value = method.to_possible_value();
        let kind = value.as_ref().map_or("", |value| value.get_name());
        let list = |values: &[f64]| (!values.is_empty()).then(|| json!(values));
        // Models from elsewhere seldom record a learning rate.
        let groups = matches!(method, Method::Gou | Method::Gog) && self.images.images.is_some();
        let by = self.by.as_deref().or(groups.then_some("folder"));
        let mut settings = self.settings.given();
        let accept = self.accept.and_then(|rule| rule.to_possible_value());
        settings.extend(given([
            ("kind", Some(kind.into())),
            ("accept", accept.map(|value| value.get_name().into())),
            ("lambdas", list(&self.lambda)),
            ("alphas", list(&self.alpha)),
            ("by", by.map(Into::into)),
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

/// The images that a table is made by.
#[derive(Args)]
pub struct ImagesOptions {
    /// Images to choose by: a folder of class folders, a manifest (CSV) or a MedMNIST file (.npz)
    ///
    /// With folders train, val and test, val chooses, and test scores; train without val needs --ratio.
    /// Without train, a fifth of the images is kept for BatchNorm statistics and all others choose: give
    /// images that the models were not trained on.
    #[arg(long, value_name = "DATA", help_heading = IMAGES)]
    pub(super) images: Option<PathBuf>,
    /// Kind of dataset, if the path does not tell it; `ff-data inspect --help` names them
    #[arg(long, value_name = "KIND", requires = "images", help_heading = IMAGES)]
    pub(super) dataset: Option<String>,
    /// Shares of training (BatchNorm statistics only), validation and test images
    #[arg(long, value_name = "TRAIN,VAL,TEST", requires = "images", value_parser = shares, help_heading = IMAGES)]
    pub(super) ratio: Option<[f64; 3]>,
    /// Keep the images of a group (patient) in one part
    #[arg(long, requires = "images", help_heading = IMAGES)]
    pub(super) grouped: bool,
    /// How to handle unreadable images [default: error]
    #[arg(long, value_enum, requires = "images", help_heading = IMAGES)]
    pub(super) on_bad_image: Option<BadImage>,
    /// Side of the images that the models see, in pixels, if no file tells it
    #[arg(long, value_name = "PX", requires = "images", help_heading = IMAGES)]
    pub(super) image_size: Option<u32>,
    /// Classes in the order of the models' outputs, separated by commas, in place of what files record
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "images", help_heading = IMAGES)]
    pub(super) classes: Vec<String>,
    #[command(flatten)]
    pub(super) runs: RunsOption,
}

const IMAGES: &str = "Options with --images";

impl From<BatchNorm> for BnStatistics {
    fn from(choice: BatchNorm) -> Self {
        match choice {
            BatchNorm::Averaged => Self::Averaged,
            BatchNorm::Recalibrate => Self::Recalibrate,
        }
    }
}
