//! The commands of `ff-inmerge`: in-model merging on files of weights.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use ff_checkpoint::{OwnedTensor, Provenance, StateDict};
use ff_inmerge::{InMerge, KernelStats, MergeStats, Merger, Pairs, Similarities};
use ff_models::Architecture;
use serde_json::json;
use tch::{Kind, Tensor};

use crate::arch::ArchOption;
use crate::device::DeviceChoice;
use crate::options::GLOBAL;

/// The heading of the settings of in-model merging.
const INMERGE: &str = "InMerge options";

/// Merge similar convolution kernels inside a network (InMerge), without training.
///
/// To merge during training, set [inmerge] in a recipe of `ff-train finetune` or in a configuration
/// of `ff-grid`.
#[derive(Subcommand)]
pub enum Command {
    /// Merge similar kernels of a file of weights, and print what was merged
    #[command(after_help = "Examples:
  ff-inmerge merge --arch vgg19 --weights w.safetensors --shallow-layers 10 --output m.safetensors")]
    Merge(Merge),
    /// Print the similarity of the kernels in each convolution
    ///
    /// Use it to choose the similarity threshold and the layers to merge.
    #[command(after_help = "Examples:
  ff-inmerge similarity --arch vgg16 --weights vgg16.safetensors")]
    Similarity {
        /// The network.
        #[command(flatten)]
        network: Network,
        /// τ: count the pairs with a cosine above it
        #[arg(long, default_value_t = InMerge::default().similarity_threshold, allow_negative_numbers = true)]
        similarity_threshold: f64,
        /// Print JSON, with a histogram of 20 bins over [-1, 1] for each convolution
        #[arg(long)]
        json: bool,
    },
    /// Measure the time of one merging step
    ///
    /// The kernels are random and have the network's shapes; some of them are similar.
    #[command(after_help = "Examples:
  ff-inmerge bench --arch vgg19 --shallow-layers 10")]
    Bench(Bench),
}

impl Command {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Any error of the command, with a text for the user.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Merge(options) => merge(&options),
            Self::Similarity { network, similarity_threshold, json } => {
                similarity(&network, similarity_threshold, json)
            }
            Self::Bench(options) => bench(&options),
        }
    }
}

/// An architecture and its weights.
#[derive(Args)]
pub struct Network {
    #[command(flatten)]
    arch: ArchOption,
    /// Weights of the network: a file, or a folder that holds one; the convolutions are enough
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
}

/// The settings of in-model merging.
#[derive(Args)]
pub struct Settings {
    /// L_s: number of first convolutions, in forward order, to leave unmerged
    #[arg(long, value_name = "NUMBER", help_heading = INMERGE)]
    shallow_layers: usize,
    /// α: share of itself that a merged kernel keeps, in [0, 1]
    #[arg(
        long,
        value_name = "ALPHA",
        default_value_t = InMerge::default().merge_weight,
        allow_negative_numbers = true,
        help_heading = INMERGE
    )]
    merge_weight: f64,
    /// p: probability that a kernel is compared with another, in [0, 1]
    #[arg(
        long,
        value_name = "P",
        default_value_t = InMerge::default().merge_probability,
        allow_negative_numbers = true,
        help_heading = INMERGE
    )]
    merge_probability: f64,
    /// τ: cosine that a pair of kernels must exceed, in [-1, 1]
    #[arg(
        long,
        value_name = "TAU",
        default_value_t = InMerge::default().similarity_threshold,
        allow_negative_numbers = true,
        help_heading = INMERGE
    )]
    similarity_threshold: f64,
    /// Pairs of kernels to merge
    #[arg(long, value_enum, default_value = "similar", help_heading = INMERGE)]
    pairs: Choice,
}

/// The pairs of kernels to merge.
#[derive(Clone, Copy, ValueEnum)]
pub enum Choice {
    /// Pairs with a cosine above the threshold
    Similar,
    /// Pairs with a cosine that is not above the threshold
    Dissimilar,
}

impl Settings {
    fn inmerge(&self) -> InMerge {
        InMerge {
            shallow_layers: self.shallow_layers,
            merge_weight: self.merge_weight,
            merge_probability: self.merge_probability,
            similarity_threshold: self.similarity_threshold,
            pairs: match self.pairs {
                Choice::Similar => Pairs::Similar,
                Choice::Dissimilar => Pairs::Dissimilar,
            },
        }
    }
}

/// A convolution of a file: its name and its weight, `[outputs, inputs, height, width]`.
struct Convolution {
    name: String,
    weight: Tensor,
}

/// A file of weights: its architecture, and the convolutions in it in forward order.
struct Opened {
    arch: Architecture,
    weights: StateDict,
    convolutions: Vec<Convolution>,
}

fn open(network: &Network) -> anyhow::Result<Opened> {
    let path = &network.weights;
    let (arch, _) = network.arch.of(path)?;
    let declared = arch.convolutions();
    if declared.is_empty() {
        bail!("{arch}: {}", ff_inmerge::Error::NoConvolutions);
    }
    let weights = StateDict::open(path)?;
    let names = arch.names_in(&weights)?;
    let mut convolutions = Vec::new();
    for (own, expected) in declared {
        let wrong =
            |what: String| format!("{}: `{own}`: expected a convolution of {arch}, {what}", path.display());
        let found = names.get(&own).and_then(|name| Some((name, weights.get(name)?)));
        let (name, tensor) = found.with_context(|| wrong("found none of this name".into()))?;
        if !tensor.shape.iter().map(|&size| size as i64).eq(expected) {
            bail!(wrong(format!("{expected:?}, found shape {:?}", tensor.shape)));
        }
        let values = tensor.to_f64().with_context(|| wrong(format!("found type {}", tensor.dtype)))?;
        let weight = Tensor::from_slice(&values).view(expected);
        convolutions.push(Convolution { name: name.clone(), weight });
    }
    Ok(Opened { arch, weights, convolutions })
}

/// Weights to merge, and how to merge them.
#[derive(Args)]
pub struct Merge {
    #[command(flatten)]
    network: Network,
    /// File to write the merged weights to
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    settings: Settings,
    /// Number of passes over all kernels; training does one in each step
    #[arg(long, default_value_t = 1)]
    iterations: u64,
    /// Seed of the random pairs
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn merge(options: &Merge) -> anyhow::Result<()> {
    let &Merge { ref network, ref output, ref settings, iterations, seed, json: as_json } = options;
    let settings = settings.inmerge();
    let Opened { arch, weights, convolutions } = open(network)?;
    let mut merger = Merger::new(settings, seed, convolutions.len())?;
    let deep = &convolutions[settings.shallow_layers..];
    let before: Vec<KernelStats> = deep.iter().map(|one| KernelStats::of(&one.weight)).collect();
    for iteration in 1..=iterations {
        merger.merge(iteration, convolutions.iter().map(|convolution| &convolution.weight));
    }
    let merged = weights.iter().map(|(name, tensor)| {
        let changed = deep.iter().find(|one| one.name == name);
        (name.to_owned(), changed.map_or_else(|| tensor.to_owned(), |one| stored(&one.weight, &tensor)))
    });
    let mut recipe =
        json!({"architecture": arch, "inmerge": settings, "iterations": iterations, "seed": seed});
    let origin = weights.provenance().ok();
    // Merging changes neither the model's form nor the data that it was trained on.
    for key in ["model", "fields", "classes", "task", "data"] {
        if let Some(value) = origin.and_then(|origin| origin.recipe.get(key)) {
            recipe[key] = value.clone();
        }
    }
    let id = network.weights.display().to_string();
    let provenance = Provenance {
        kind: "merge".into(),
        recipe,
        parents: vec![weights.as_parent(&id)],
        data: origin.and_then(|origin| origin.data.clone()),
        code_version: env!("CARGO_PKG_VERSION").into(),
    };
    StateDict::from_tensors(merged.collect()).save(output, Some(&provenance))?;

    let layers: Vec<_> = merger.take_stats().into_iter().zip(deep.iter().zip(before)).collect();
    if as_json {
        let layers: Vec<_> = layers
            .iter()
            .map(|(stats, (convolution, before))| {
                json!({"name": convolution.name, "merges": stats, "before": before,
                    "after": KernelStats::of(&convolution.weight)})
            })
            .collect();
        return crate::output::print_json(&json!({"output": output, "layers": layers}));
    }
    let mut text = format!(
        "{:>5}  {:28} {:>7} {:>8} {:>7} {:>10}  {:>18}\n",
        "layer", "name", "kernels", "compared", "merged", "similarity", "effective rank"
    );
    for (stats, (convolution, before)) in layers {
        let MergeStats { layer, kernels, compared, merged, mean_similarity } = stats;
        let rank = |stats: &KernelStats| number(stats.effective_rank, 1);
        text += &format!(
            "{layer:>5}  {:28} {kernels:>7} {compared:>8} {merged:>7} {:>10}  {:>8} → {:>7}\n",
            convolution.name,
            number(mean_similarity, 4),
            rank(&before),
            rank(&KernelStats::of(&convolution.weight)),
        );
    }
    crate::output::print(&text)
}

fn similarity(network: &Network, threshold: f64, as_json: bool) -> anyhow::Result<()> {
    if !(-1.0..=1.0).contains(&threshold) {
        let name = "similarity_threshold";
        bail!(ff_inmerge::Error::Setting { name, low: -1.0, found: threshold });
    }
    let Opened { convolutions, .. } = open(network)?;
    let of_layer =
        |one: &Convolution| (Similarities::of(&one.weight, threshold), KernelStats::of(&one.weight));
    let layers: Vec<_> = convolutions.iter().map(|one| (one, of_layer(one))).collect();
    if as_json {
        let layers: Vec<_> = layers
            .iter()
            .enumerate()
            .map(|(at, (convolution, (similarities, kernels)))| {
                json!({"layer": at + 1, "name": convolution.name, "similarities": similarities,
                    "redundancy": kernels})
            })
            .collect();
        return crate::output::print_json(&json!({"similarity_threshold": threshold, "layers": layers}));
    }
    let mut text = format!(
        "{:>5}  {:28} {:>7} {:>8} {:>8} {:>9} {:>10} {:>9}  {}\n",
        "layer", "name", "kernels", "mean", "highest", "above τ", "duplicates", "rank", "pairs from −1 to 1"
    );
    for (at, (convolution, (similarities, kernels))) in layers.iter().enumerate() {
        let percent =
            |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.2} %", 100.0 * share));
        text += &format!(
            "{:>5}  {:28} {:>7} {:>8} {:>8} {:>9} {:>10} {:>9}  {}\n",
            at + 1,
            convolution.name,
            kernels.kernels,
            number(similarities.mean, 4),
            number(similarities.highest, 4),
            percent(similarities.share_above),
            percent(Some(kernels.duplicate_share)),
            number(kernels.effective_rank, 1),
            bars(&similarities.histogram),
        );
    }
    text += &format!(
        "above τ: pairs of kernels with a cosine above {threshold}; duplicates: kernels with another above {}; \
         rank: effective rank\n",
        ff_inmerge::DUPLICATE_SIMILARITY
    );
    crate::output::print(&text)
}

/// Draws counts as bars on a logarithmic scale, so that a bin with a single pair is visible.
fn bars(counts: &[u64]) -> String {
    let highest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let levels = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |&count: &u64| match count {
        0 => '·',
        _ => levels[(((count as f64 + 1.0).ln() / (highest + 1.0).ln() * 7.0).round() as usize).min(7)],
    };
    counts.iter().map(bar).collect()
}

/// The merging step to measure.
#[derive(Args)]
pub struct Bench {
    /// Architecture, such as vgg19 or resnet34
    #[arg(long)]
    arch: Architecture,
    #[command(flatten)]
    settings: Settings,
    /// Timed steps, after three warm-up steps
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    iters: u64,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "cpu", help_heading = GLOBAL)]
    device: DeviceChoice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn bench(options: &Bench) -> anyhow::Result<()> {
    let &Bench { arch, ref settings, iters, device, json: as_json } = options;
    let (settings, device) = (settings.inmerge(), device.find()?);
    let shapes: Vec<[i64; 4]> = arch.convolutions().into_iter().map(|(_, shape)| shape).collect();
    let mut merger = Merger::new(settings, 0, shapes.len())?;
    tch::manual_seed(0);
    let weights: Vec<Tensor> = shapes.iter().map(|shape| alike(shape, device)).collect();
    let mut times = Vec::new();
    for step in 1..=iters + 3 {
        if step == 4 {
            merger.take_stats();
        }
        let start = Instant::now();
        merger.merge(step, &weights);
        if let tch::Device::Cuda(index) = device {
            tch::Cuda::synchronize(index as i64);
        }
        if step > 3 {
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let stats = merger.take_stats();
    let sum = |of: &dyn Fn(&MergeStats) -> u64| stats.iter().map(of).sum::<u64>() as f64 / iters as f64;
    let (compared, merged) = (sum(&|layer| layer.compared), sum(&|layer| layer.merged));
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let layers = shapes.len() - settings.shallow_layers;
    if as_json {
        return crate::output::print_json(&json!({"arch": arch, "layers": layers, "ms_per_merge": median,
            "compared_per_merge": compared, "merged_per_merge": merged}));
    }
    crate::output::print(&format!(
        "{arch}: {layers} layers, {median:.3} ms a step (median of {iters}); {compared:.0} kernels compared, {merged:.1} merged\n"
    ))
}

/// Returns random kernels, each with one of 64 directions plus noise, in channels-last layout as in
/// a model.
///
/// Two kernels of one direction have a cosine of 1/2, so 1.6 % of the pairs are above the default
/// threshold, as in the last layers of a trained VGG16.
fn alike(shape: &[i64; 4], device: tch::Device) -> Tensor {
    let options = (Kind::Float, device);
    let directions = Tensor::randn([64, shape[1], shape[2], shape[3]], options);
    let which = Tensor::randint(64, [shape[0]], (Kind::Int64, device));
    let kernels = directions.index_select(0, &which) + Tensor::randn(shape.as_slice(), options);
    let mut weight = Tensor::empty_permuted(shape.as_slice(), [0i64, 2, 3, 1], options);
    weight.copy_(&kernels);
    weight
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
}

/// Converts a merged weight to the number type that it has in the file.
fn stored(weight: &Tensor, before: &ff_checkpoint::TensorRef<'_>) -> OwnedTensor {
    let values = Vec::<f64>::try_from(weight.contiguous().view([-1])).expect("64-bit floats");
    OwnedTensor::rounded(before.dtype, before.shape, &values)
}
