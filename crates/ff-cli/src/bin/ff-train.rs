//! One run of training, and predictions.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ff_checkpoint::{Parent, Provenance, StateDict, cores, write_atomic, write_sealed};
use ff_cli::{
    BadImage, Common, DeviceChoice, EventFile, RunRecipe, RunRecord, Source, check_split, fields_of,
    output_map, spec_of, warn_of_precision,
};
use ff_data::{OnBadImage, Split};
use ff_grid::{
    Catalog, Claimed, Claims, DataIdentity, EvalSplit, InmergeHook, RunConfig, WeightsSource, device_name,
    loader_threads, note_trained_on, trained_on,
};
use ff_models::Model;
use ff_train::{
    EvalSet, LrSchedule, Outcome, ResumeEvery, Run, StepHook, TrainData, Trainable, save_predictions, train,
};

/// Trains one model from a recipe, or lets a trained one predict.
///
/// A run leaves in RUNS/NAME: kept.safetensors (the best epoch's weights) and kept.val.safetensors (its validation
/// predictions), or an FGG run's captures in their place; history.jsonl, recipe.toml and outcome.json. Started again, it
/// goes on where it stopped.
#[derive(Parser)]
#[command(name = "ff-train", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Command {
    /// Train a whole network on a source domain
    Pretrain(Options),
    /// Linear probe: train the last layer only
    Lp(Options),
    /// Full fine-tuning
    Finetune(Options),
    /// Fast Geometric Generation: a cyclic learning rate that drops off a model at each minimum
    Fgg(Options),
    /// Write the logits of a trained model for a split
    Predict {
        /// Weights that this software made
        #[arg(long)]
        checkpoint: PathBuf,
        #[command(flatten)]
        source: Source,
        /// The split to predict
        #[arg(long, value_enum)]
        split: SplitName,
        /// A class of the model that the dataset does not tell apart, and the class that it counts as: 4=3
        #[arg(long, alias = "merge", value_name = "CLASS=CLASS", value_parser = pair)]
        merge_classes: Vec<(String, String)>,
        /// Predict images that the model was trained on in another division
        #[arg(long)]
        allow_other_split: bool,
        /// safetensors to write, with "logits" and "targets"
        #[arg(long)]
        output: PathBuf,
        /// auto, cpu or cuda:N
        #[arg(long, default_value = "auto")]
        device: DeviceChoice,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum SplitName {
    /// Training images
    Train,
    /// Validation images
    Val,
    /// Test images
    Test,
}

#[derive(Args)]
struct Options {
    /// The run's recipe
    #[arg(long)]
    config: PathBuf,
    /// Folder that the recipe's dataset paths start at
    #[arg(long, env = "FF_DATA_ROOT", default_value = "data")]
    data_root: PathBuf,
    /// Folder for the run's folder
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// Put another value in place of the recipe's: a dotted key, such as train.epochs=5
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Start from weights that were trained on the same images in another division; the record says so
    #[arg(long)]
    allow_other_split: bool,
    /// What an image that cannot be read does
    #[arg(long, value_enum, default_value = "error")]
    on_bad_image: BadImage,
    /// Threads that load images; 0 loads in the training thread [default: 1 on the CPU, all cores but one beside a GPU]
    #[arg(long)]
    loader_threads: Option<usize>,
    /// Least minutes between resume points
    #[arg(long, default_value_t = 1.0)]
    resume_minutes: f64,
    /// Write learning curves for TensorBoard too
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Steps between resume points, instead of a time
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    resume_steps: Option<u64>,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// Bytes of decoded images that may stay in memory.
const MEMORY: usize = 512 << 20;

fn main() -> ExitCode {
    let cli = Cli::parse();
    ff_cli::main(&cli.common, || match &cli.command {
        Command::Pretrain(options) => run("pretrain", options),
        Command::Lp(options) => run("probe", options),
        Command::Finetune(options) => run("finetune", options),
        Command::Fgg(options) => run("fgg", options),
        Command::Predict { checkpoint, source, split, merge_classes, allow_other_split, output, device } => {
            predict(checkpoint, (source, *split), merge_classes, *allow_other_split, output, *device)
        }
    })
}

fn run(kind: &str, options: &Options) -> anyhow::Result<()> {
    let recipe = RunRecipe::read(&options.config, &options.set)?;
    let probe = matches!(recipe.train.trainable, Trainable::Classifier { .. });
    let cyclic = matches!(recipe.train.schedule, LrSchedule::Cyclic { .. });
    if probe != (kind == "probe") || cyclic != (kind == "fgg") {
        bail!(
            "{}: this is not a recipe for `{kind}`\nhint: a linear probe has train.trainable.kind = \
             \"classifier\", FGG has train.schedule.kind = \"cyclic\", the others have neither",
            options.config.display()
        );
    }
    if probe && recipe.inmerge.is_some() {
        bail!(
            "{}: inmerge: merging changes the convolutions, and a linear probe leaves them as they are",
            options.config.display()
        );
    }
    let on_bad_image = options.on_bad_image.into();
    let device = options.device.find()?;
    let threads = options.loader_threads.unwrap_or_else(|| loader_threads(device, cores().get()));
    let cache = options.runs.join("cache");
    let stop = ff_cli::stop_on_signals()?;
    let catalog = Catalog::new(&options.data_root, Some(&cache), threads, on_bad_image, MEMORY)
        .stopped_by(stop.clone());
    let data = recipe.open(&catalog)?;
    data.remarks.iter().for_each(|remark| ff_cli::say(&format!("warning: {remark}")));
    let named = || options.config.display().to_string();
    recipe.train.check(data.dataset.task()).with_context(named)?;
    let spec = recipe.spec(&data);
    warn_of_precision(spec.precision, device);
    let mut model = Model::new(&spec, device, recipe.model.seed)?;
    let (mut parents, mut before) = (Vec::new(), Vec::new());
    let mut fields = fields_of(&recipe.train);
    let path = match &recipe.model.weights {
        WeightsSource::Random => None,
        WeightsSource::File(path) => Some(path.clone()),
        WeightsSource::Hub(id) => Some(ff_cli::find_or_download(id).map_err(anyhow::Error::msg)?),
        WeightsSource::Pretrain => {
            bail!("model.weights: `pretrain` belongs in a table's configuration; name a file here")
        }
    };
    if let Some(path) = &path {
        let weights = StateDict::open(path)?;
        before = trained_on(&weights);
        check_split(&path.display().to_string(), &before, &data.identity, options.allow_other_split)?;
        let loaded = model.load(&weights)?;
        ff_cli::say(&format!("{}: {loaded}", path.display()));
        if let (true, Some(base)) =
            (cyclic, weights.provenance().ok().and_then(|made| made.recipe.get("fields")))
        {
            // What a base's captures are grouped by is the base's learning rate, not the cycle's.
            fields["learning_rate"] = base["learning_rate"].clone();
        }
        parents.push(Parent { id: path.display().to_string(), digest: *weights.digest(), weight: None });
    }
    let optimizer = recipe.model.optimizer_state.as_ref().map(|path| StateDict::open(path)).transpose()?;
    if let (Some(state), Some(path)) = (&optimizer, &recipe.model.optimizer_state) {
        parents.push(Parent { id: path.display().to_string(), digest: *state.digest(), weight: None });
    }
    let folder = options.runs.join(&recipe.name);
    let mut provenance = Provenance {
        kind: kind.to_owned(),
        recipe: serde_json::json!({"model": spec, "data": data.identity, "train": recipe.train, "fields": fields,
            "seed": recipe.model.seed, "classes": data.dataset.task().names()}),
        parents,
        data: Some(data.identity.digest.clone()),
        code_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    if let Some(recipe) = provenance.recipe.as_object_mut() {
        note_trained_on(recipe, before);
    }
    let mut hooks: Vec<Box<dyn StepHook>> = Vec::new();
    if let Some(settings) = recipe.inmerge {
        hooks.push(Box::new(InmergeHook::new(settings, recipe.train.seed, &model)?));
        provenance.recipe["inmerge"] = serde_json::json!(settings);
    }
    catalog.start();
    let done = folder.join("outcome.json");
    // Held to the end.
    let _claim = match Claims::new(RunConfig::default().lease(), &device_name(model.device()))
        .take(&folder, stop.clone())?
    {
        Claimed::Ours(claim) => claim,
        Claimed::Theirs(owner) => {
            let owner = owner.map_or("another process".to_owned(), |owner| owner.to_string());
            bail!("{}: {owner} is at work on this run", folder.display());
        }
    };
    if let Some(outcome) = RunRecord::finished(&done, &provenance)? {
        ff_cli::say(&format!("{}: this run is done", folder.display()));
        return report(&outcome, &folder);
    }
    let train_data = TrainData {
        dataset: data.dataset.clone(),
        train: data.splits.train.clone(),
        validation: catalog.eval_set(&data, EvalSplit::Validation, spec.image_size),
    };
    let epochs = recipe.train.epochs;
    let mut events =
        options.tensorboard.as_ref().map(|root| EventFile::create(&root.join(&recipe.name))).transpose()?;
    let resume_every = match options.resume_steps {
        Some(steps) => ResumeEvery::Steps(steps as usize),
        None => ResumeEvery::Time(
            Duration::try_from_secs_f64(options.resume_minutes * 60.0).context("--resume-minutes")?,
        ),
    };
    let outcome = train(
        &recipe.train,
        &mut model,
        &train_data,
        Run {
            folder: &folder,
            provenance: provenance.clone(),
            optimizer,
            loader_threads: threads,
            on_bad_image,
            resume_every,
            stop,
            hooks: &mut hooks,
            on_epoch: &mut |epoch| {
                if let Some(Err(error)) = events.as_mut().map(|events| events.epoch(epoch)) {
                    tracing::warn!("{error:#}");
                }
                let value =
                    epoch.validation.value().map_or("undefined".to_owned(), |value| format!("{value:.4}"));
                ff_cli::say(&format!(
                    "epoch {}/{epochs}: loss {:.4}, validation {value} (loss {:.4}), lr {:.2e}, {}",
                    epoch.epoch,
                    epoch.train_loss,
                    epoch.validation_loss,
                    epoch.learning_rate,
                    ff_cli::speed(epoch)
                ));
                for skipped in &epoch.skipped {
                    ff_cli::say(&format!("left out: {skipped}"));
                }
            },
        },
    );
    let outcome = match outcome {
        Err(ff_train::Error::Stopped) => {
            bail!("stopped; the same command goes on where it was ({})", folder.display())
        }
        outcome => outcome?,
    };
    let resolved = toml::to_string_pretty(&recipe).context("the recipe cannot be written")?;
    write_atomic(&folder.join("recipe.toml"), |file| file.write_all(resolved.as_bytes()))?;
    write_sealed(&done, &RunRecord { provenance, outcome: outcome.clone() })?;
    Outcome::forget_resume_points(&folder)?;
    report(&outcome, &folder)
}

fn report(outcome: &Outcome, folder: &Path) -> anyhow::Result<()> {
    if let Some(at) = &outcome.diverged {
        let text = format!(
            "the loss stopped being a number at step {} (epoch {}, learning rate {:e})",
            at.step, at.epoch, at.learning_rate
        );
        if outcome.is_empty() {
            bail!(text);
        }
        ff_cli::say(&format!("warning: {text}; what is kept is from before"));
    }
    for kept in outcome.kept.iter().chain(&outcome.snapshots) {
        ff_cli::print(&format!("{}\n", folder.join(&kept.weights.path).display()))?;
    }
    Ok(())
}

fn predict(
    checkpoint: &Path,
    (source, split): (&Source, SplitName),
    merge: &[(String, String)],
    allow_other_split: bool,
    output: &Path,
    device: DeviceChoice,
) -> anyhow::Result<()> {
    let weights = StateDict::open(checkpoint)?;
    let spec = spec_of(&weights).with_context(|| checkpoint.display().to_string())?;
    let dataset = source.open()?;
    let splits = source.split(dataset.as_ref())?;
    let data = DataIdentity::of(dataset.as_ref(), &splits);
    check_split(&checkpoint.display().to_string(), &trained_on(&weights), &data, allow_other_split)?;
    let outputs =
        output_map(&weights, dataset.task(), merge).with_context(|| checkpoint.display().to_string())?;
    if outputs.is_none() && dataset.task().outputs() != spec.outputs {
        bail!(
            "{}: a model of {} outputs, but the dataset has {} classes",
            checkpoint.display(),
            spec.outputs,
            dataset.task().outputs()
        );
    }
    let indices = splits.get(match split {
        SplitName::Train => Split::Train,
        SplitName::Val => Split::Val,
        SplitName::Test => Split::Test,
    });
    let device = device.find()?;
    let mut model = Model::new(&spec, device, 0)?;
    model.load_strict(&weights)?;
    let threads = loader_threads(device, cores().get());
    let images = EvalSet::new(dataset.clone(), indices.clone(), spec.image_size, threads, OnBadImage::Error);
    let predictions = images.predict(&model, outputs.as_ref())?;
    let provenance = Provenance {
        kind: "predict".into(),
        recipe: serde_json::json!({"model": spec, "outputs": outputs}),
        parents: vec![Parent {
            id: checkpoint.display().to_string(),
            digest: *weights.digest(),
            weight: None,
        }],
        data: Some(dataset.digest().to_owned()),
        code_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    save_predictions(output, &predictions, Some(&provenance))?;
    Ok(())
}

/// Two names with `=` between them.
fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()));
    pair.ok_or_else(|| "expected two classes, such as 4=3".to_owned())
}
