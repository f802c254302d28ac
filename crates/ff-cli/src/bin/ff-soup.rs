//! Averages weights, chooses what to average, checks soups, and times averages.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand, ValueEnum};
use ff_checkpoint::{StateDict, cores, on_threads};
use ff_cli::{Common, DeviceChoice, RunRecipe, check_split, validation_predictions};
use ff_data::OnBadImage;
use ff_grid::{Catalog, EvalSplit, ValidationScorer, lineage, loader_threads, note_trained_on, trained_on};
use ff_models::Model;
use ff_soup::{Average, Hierarchy, Ingredient, Ingredients, Selector, verify};
use serde_json::json;

/// Files of weights in, their soup out.
#[derive(Parser)]
#[command(name = "ff-soup", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Command {
    /// Average all files, each weighed equally
    Average {
        /// Files of weights of one architecture
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The average
        #[arg(long)]
        output: PathBuf,
    },
    /// Measure an average, its parts, and the reading of the same files
    Bench {
        /// Files of weights of one architecture, which should lie in the page cache: run it twice
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The average
        #[arg(long)]
        output: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Choose which files to average by their scores on validation images
    ///
    /// A file that a run of training left is not evaluated again where its predictions lie beside it (kept.val.safetensors)
    /// and are of the recipe's validation images.
    Select {
        /// How to choose
        #[arg(long, value_enum)]
        method: Method,
        /// Field of the files' provenance that groups them (gou, gog)
        #[arg(long, default_value = "learning_rate")]
        by: String,
        /// A training recipe: its model, images and metric are used
        #[arg(long)]
        config: PathBuf,
        /// Put another value in place of the recipe's
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Folder that the recipe's dataset paths start at
        #[arg(long, env = "FF_DATA_ROOT", default_value = "data")]
        data_root: PathBuf,
        /// What becomes of BatchNorm statistics
        #[arg(long, value_enum, default_value = "averaged")]
        bn: BatchNorm,
        /// Files of weights that this software made
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The soup
        #[arg(long)]
        output: PathBuf,
        /// Take files that were trained on the recipe's images in another division; the soup's provenance says so
        #[arg(long)]
        allow_other_split: bool,
        /// auto, cpu or cuda:N
        #[arg(long, default_value = "auto")]
        device: DeviceChoice,
        /// Print every decision as JSON
        #[arg(long)]
        json: bool,
    },
    /// Rebuild a soup from its ingredients and compare bits
    Verify {
        /// The soup
        soup: PathBuf,
        /// Its ingredients, or folders to find them in
        #[arg(required = true)]
        ingredients: Vec<PathBuf>,
        /// Go back through everything that the soup comes from, as far as it goes
        #[arg(long)]
        deep: bool,
        /// With --deep, look whether the images are those that it was made with: the folder that the paths of datasets
        /// in the tables' configurations (RUNS/tables) start at
        #[arg(long, env = "FF_DATA_ROOT", requires = "deep")]
        data_root: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    /// All files
    Uniform,
    /// Best first, each kept if the score rises
    Greedy,
    /// Greedy over the uniform soups of groups
    Gou,
    /// Greedy over the greedy soups of groups
    Gog,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum BatchNorm {
    /// Averaged like weights
    Averaged,
    /// Computed anew for each candidate, from the recipe's training images without augmentation
    Recalibrate,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let cli = Cli::parse();
    ff_cli::main(&cli.common, || match cli.command {
        Command::Average { files, output } => average(&files, &output),
        Command::Bench { files, output, json } => bench(&files, &output, json),
        Command::Select {
            method,
            by,
            config,
            set,
            data_root,
            bn,
            files,
            output,
            allow_other_split,
            device,
            json,
        } => {
            let method = match method {
                Method::Uniform => Hierarchy::uniform(),
                Method::Greedy => Hierarchy::greedy(),
                Method::Gou => Hierarchy::greedy_of_uniform(&by),
                Method::Gog => Hierarchy::greedy_of_greedy(&by),
            };
            let recipe = RunRecipe::read(&config, &set)?;
            select((&method, bn), &recipe, &data_root, (&files, allow_other_split), &output, device, json)
        }
        Command::Verify { soup, ingredients, deep: false, .. } => check(&soup, &ingredients),
        Command::Verify { soup, ingredients, deep: true, data_root } => {
            let ancestors = lineage(&soup, &ingredients)?;
            ff_cli::trace(&ancestors, &ingredients, data_root.as_deref())?;
            let parents = ancestors.iter().filter(|ancestor| ancestor.depth == 1);
            check(&soup, &parents.filter_map(|parent| parent.found.intact()).collect::<Vec<_>>())
        }
    })
}

fn ingredients(files: &[PathBuf]) -> anyhow::Result<Ingredients> {
    let mut ingredients = Vec::new();
    for (path, weights) in files.iter().zip(StateDict::open_all(files)?) {
        let fields = weights.provenance().ok().and_then(|provenance| provenance.recipe.get("fields"));
        let fields: BTreeMap<String, String> =
            fields.and_then(|fields| serde_json::from_value(fields.clone()).ok()).unwrap_or_default();
        ingredients.push(Ingredient { id: path.display().to_string(), weights, fields });
    }
    Ok(Ingredients::new(ingredients)?)
}

/// All ingredients, each weighed equally.
fn mean_of(ingredients: &Ingredients) -> Average {
    Average::mean(ingredients.iter().map(|one| Average::Ingredient(one.id.clone())).collect())
}

fn average(files: &[PathBuf], output: &Path) -> anyhow::Result<()> {
    let ingredients = ingredients(files)?;
    let average = mean_of(&ingredients);
    let weights = ingredients.weights(&average)?;
    save(&ingredients, (&average, &weights), json!({"method": "average"}), None, output)
}

fn bench(files: &[PathBuf], output: &Path, as_json: bool) -> anyhow::Result<()> {
    let start = Instant::now();
    let ingredients = ingredients(files)?;
    let opened = start.elapsed().as_secs_f64();
    let average = mean_of(&ingredients);
    let weights = ingredients.weights(&average)?;
    let averaged = start.elapsed().as_secs_f64();
    save(&ingredients, (&average, &weights), json!({"method": "average"}), None, output)?;
    let saved = start.elapsed().as_secs_f64();
    let (bytes, read) = read(&ingredients);
    if as_json {
        return ff_cli::print_json(
            &json!({"models": files.len(), "bytes": bytes, "seconds": saved, "open_s": opened,
            "mean_s": averaged - opened, "save_s": saved - averaged, "read_s": read}),
        );
    }
    ff_cli::print(&format!(
        "{} files, {:.2} GB: {saved:.3} s, of which opened and checked {opened:.3}, averaged {:.3}, written {:.3}; \
         their bytes alone are read in {read:.3} s\n",
        files.len(),
        bytes as f64 / 1e9,
        averaged - opened,
        saved - averaged,
    ))
}

/// How many bytes of tensors there are, and the least that a pass over them takes: seconds for sums of the mapped
/// bytes, on every core.
fn read(ingredients: &Ingredients) -> (usize, f64) {
    let start = Instant::now();
    let tensors = ingredients.iter().flat_map(|one| one.weights.iter());
    let blocks: Vec<_> = tensors.flat_map(|(_, tensor)| tensor.data.chunks(1 << 20)).collect();
    let bytes = blocks.iter().map(|block| block.len()).sum();
    on_threads(cores(), blocks, |block| {
        let words = block.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word));
        black_box(words.fold(0u64, u64::wrapping_add));
    });
    (bytes, start.elapsed().as_secs_f64())
}

fn save(
    ingredients: &Ingredients,
    (average, weights): (&Average, &StateDict),
    recipe: serde_json::Value,
    data: Option<String>,
    output: &Path,
) -> anyhow::Result<()> {
    let mut recipe = recipe.as_object().cloned().unwrap_or_default();
    if let Some(model) = model_of(ingredients) {
        recipe.insert("model".into(), model);
    }
    // So that a later use of the soup knows what its ingredients were trained on.
    note_trained_on(&mut recipe, ingredients.iter().flat_map(|one| trained_on(&one.weights)));
    let provenance = ingredients.provenance(average, recipe, data, VERSION)?;
    Ok(weights.save(output, Some(&provenance))?)
}

/// The form of the model, where the first ingredient says it.
fn model_of(ingredients: &Ingredients) -> Option<serde_json::Value> {
    ingredients.iter().next()?.weights.provenance().ok()?.recipe.get("model").cloned()
}

fn select(
    (method, bn): (&Hierarchy, BatchNorm),
    recipe: &RunRecipe,
    data_root: &Path,
    (files, allow_other_split): (&[PathBuf], bool),
    output: &Path,
    device: DeviceChoice,
    as_json: bool,
) -> anyhow::Result<()> {
    let ingredients = ingredients(files)?;
    let device = device.find()?;
    let threads = loader_threads(device, cores().get());
    let catalog = Catalog::new(data_root, None, threads, OnBadImage::Error, 512 << 20);
    let data = recipe.open(&catalog)?;
    for remark in &data.remarks {
        ff_cli::say(&format!("warning: {remark}"));
    }
    for one in ingredients.iter() {
        check_split(&one.id, &trained_on(&one.weights), &data.identity, allow_other_split)?;
    }
    let spec = recipe.spec(&data);
    let validation = catalog.eval_set(&data, EvalSplit::Validation, spec.image_size);
    let metric = recipe.train.metric;
    let model = Model::new(&spec, device, 0)?;
    let mut scorer = ValidationScorer::new(model, &validation, metric, HashMap::new());
    let mut known = 0;
    for one in ingredients.iter() {
        let predictions = validation_predictions(&one.weights, &spec, &data.identity);
        if let Some(predictions) = predictions.filter(|found| found.len() == validation.len()) {
            scorer = scorer.with_predictions(&one.id, predictions);
            known += 1;
        }
    }
    tracing::info!(models = files.len(), known, "models whose training has predicted the images");
    if bn == BatchNorm::Recalibrate {
        scorer =
            scorer.recalibrated_on(catalog.recalibration(&data, spec.image_size, recipe.train.batch_size));
    }
    let soup = method.select(&ingredients, &mut scorer)?;
    let mut weights = ingredients.weights(&soup.average)?;
    let mut record = json!({"method": method, "metric": metric, "classes": data.dataset.task().names(),
        "data": data.identity});
    let (evaluations, images) = (scorer.evaluations(), scorer.images());
    tracing::info!(evaluations, images, whole = evaluations * validation.len() as u64, "images evaluated");
    let recomputed = scorer.recomputed(&soup.average);
    if !recomputed.is_empty() {
        scorer.predict(&weights, &soup.average)?;
        weights = scorer.weights();
        record["recomputed"] = recomputed.into();
    }
    save(&ingredients, (&soup.average, &weights), record, Some(data.identity.digest.clone()), output)?;
    if as_json {
        return ff_cli::print_json(&soup);
    }
    for decision in &soup.decisions {
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let verdict = if decision.taken { "taken" } else { "left out" };
        ff_cli::print(&format!(
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
        ))?;
    }
    ff_cli::print(&format!(
        "{metric} {:.4} on validation, {} of {} models\n",
        soup.score,
        soup.average.shares().len(),
        files.len()
    ))
}

fn check(soup: &Path, places: &[PathBuf]) -> anyhow::Result<()> {
    let opened = StateDict::open(soup)?;
    let wanted: Vec<_> = opened.provenance()?.parents.iter().map(|parent| parent.digest).collect();
    let mut files = Vec::new();
    for place in places {
        collect(place, &wanted, &mut files)?;
    }
    match verify(&opened, &files) {
        Ok(recomputed) => {
            let but = match recomputed.len() {
                0 => String::new(),
                number => {
                    let (some, more) =
                        (recomputed[..number.min(3)].join(", "), if number > 3 { ", …" } else { "" });
                    format!(", but for {number} tensors that were computed anew afterwards ({some}{more})")
                }
            };
            ff_cli::print(&format!(
                "{}: is the average of its {} ingredient(s), to the bit{but} (digest {})\n",
                soup.display(),
                wanted.len(),
                opened.digest()
            ))
        }
        Err(error) => bail!("{}: {error}", soup.display()),
    }
}

/// Opens the files of a place that are wanted. Others, damaged ones included, are none of a soup's business.
fn collect(place: &Path, wanted: &[ff_checkpoint::Digest], files: &mut Vec<StateDict>) -> anyhow::Result<()> {
    if place.is_dir() {
        let entries = std::fs::read_dir(place).with_context(|| place.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() || path.extension().is_some_and(|extension| extension == "safetensors") {
                collect(&path, wanted, files)?;
            }
        }
    } else if let Ok(file) = StateDict::open(place)
        && wanted.contains(file.digest())
    {
        files.push(file);
    }
    Ok(())
}
