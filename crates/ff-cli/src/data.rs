//! The commands of `ff-data`: inspect, fetch, prepare, augment, bench.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use ff_data::random::stream;
use ff_data::{Augment, Dataset, Loader, LoaderConfig, OnBadImage, Prepared, read_image};
use serde_json::json;

use crate::bar::Bar;
use crate::fetch::Fetched;
use crate::inspect::Inspection;
use crate::source::Source;

/// Inspect, download and preprocess image datasets, and measure loading speed.
#[derive(Subcommand)]
pub enum Command {
    /// Print a dataset's splits, class counts and digest, and check it for leakage
    ///
    /// Lists groups (patients) and copies of an image that are in more than one split, and
    /// differences from the published numbers.
    #[command(after_help = "Examples:
  ff-data inspect --dataset bloodmnist --root data/medmnist
  ff-data inspect --dataset manifest --root data/labels.csv --ratio 0.7,0.1,0.2 --grouped --strict")]
    Inspect {
        /// The dataset.
        #[command(flatten)]
        source: Source,
        /// Decode every image; list those that cannot be read, and fail if there are any
        #[arg(long)]
        decode: bool,
        /// Fail if a group or an image is in more than one split
        #[arg(long)]
        strict: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Download an open dataset, or print how to get access to a restricted one
    #[command(after_help = "Examples:
  ff-data fetch pathmnist --image-size 64 --root data/medmnist
  ff-data fetch chexpert --root data/chexpert")]
    Fetch(crate::fetch::Request),
    /// Decode and shrink all images once, into the folder of --cache
    ///
    /// Runs with the same --shrink-px then read pixels from the cache instead of decoding. A table
    /// uses RUNS/cache.
    #[command(after_help = "Examples:
  ff-data prepare --dataset folder --root data/cells --shrink-px 512 --cache runs/cache")]
    Prepare {
        /// The dataset.
        #[command(flatten)]
        source: Source,
        /// Threads; 0: one for each core
        #[arg(long, default_value_t = 0)]
        threads: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write augmented versions of an image as PNG files
    #[command(after_help = "Examples:
  ff-data augment --augment heavy data/cells/a/00.png --output versions")]
    Augment(Versions),
    /// Measure the loader's images per second on the training split
    #[command(after_help = "Examples:
  ff-data bench --dataset folder --root data/cells --augment heavy --threads 4")]
    Bench(Bench),
}

impl Command {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Any error of the command, with a text for the user.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Inspect { source, decode, strict, json } => inspect(&source, decode, strict, json),
            Self::Fetch(request) => match crate::fetch::fetch(&request)? {
                Fetched::Access(text) => crate::output::print(&text),
                Fetched::Files(paths) => {
                    paths.iter().try_for_each(|path| crate::output::print(&format!("{}\n", path.display())))
                }
            },
            Self::Prepare { source, threads, json } => prepare(&source, threads, json),
            Self::Augment(options) => versions(&options),
            Self::Bench(options) => bench(&options),
        }
    }
}

fn inspect(source: &Source, decode: bool, strict: bool, as_json: bool) -> anyhow::Result<()> {
    let found = Inspection::of(source, decode)?;
    match as_json {
        true => crate::output::print_json(&found)?,
        false => crate::output::print(&found.text())?,
    }
    found.check_readable()?;
    let leaks = found.leaks();
    if strict && !leaks.is_empty() {
        bail!("{leaks}hint: split by group with --ratio and --grouped, or leave copies out with --split-csv");
    }
    Ok(())
}

fn prepare(source: &Source, threads: usize, as_json: bool) -> anyhow::Result<()> {
    if source.cache.is_none() {
        bail!(
            "--cache: expected a folder for the images, found none\n\
             hint: `ff-grid run --runs RUNS` reads them from --cache RUNS/cache"
        );
    }
    let dataset = source.shrunk()?;
    let threads = if threads == 0 { available_parallelism().map_or(1, NonZero::get) } else { threads };
    let started = Instant::now();
    let bar = Bar::new("images");
    let prepared = dataset.prepare(threads, &|done, total| bar.at(done, total))?;
    bar.finish();
    let Prepared { kept_before, added, unreadable, bytes } = prepared;
    for why in &unreadable {
        crate::output::say(&format!("unreadable: {why}"));
    }
    if as_json {
        return crate::output::print_json(
            &json!({"kept_before": kept_before, "added": added, "unreadable": unreadable,
            "bytes": bytes, "seconds": started.elapsed().as_secs_f64(), "digest": dataset.digest()}),
        );
    }
    crate::output::print(&format!(
        "{added} images added, {kept_before} already in the cache, {} unreadable; {:.1} MB in {:.1} s\n",
        unreadable.len(),
        bytes as f64 / 1e6,
        started.elapsed().as_secs_f64()
    ))
}

/// An image, an augmentation, and the number of versions.
#[derive(Args)]
pub struct Versions {
    /// Augmentation: minimal, medium, heavy, rand-m15-n2, flip or eval
    #[arg(long)]
    augment: Augment,
    /// Side of the augmented images, in pixels
    #[arg(long, alias = "px", value_name = "PX", default_value_t = 224)]
    image_size: u32,
    /// Seed of the random augmentation
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of versions
    #[arg(long, default_value_t = 8)]
    count: u64,
    /// Image to augment
    image: PathBuf,
    /// Folder for the PNG files
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

fn versions(options: &Versions) -> anyhow::Result<()> {
    let &Versions { augment, image_size, seed, count, ref image, ref output } = options;
    let image = read_image(image)?;
    std::fs::create_dir_all(output)
        .with_context(|| format!("{}: cannot create this folder", output.display()))?;
    for version in 0..count {
        let result = augment.apply(&image, image_size, &mut stream(seed, "augment", &[version, 0]));
        let file = output.join(format!("{augment}-{version:03}.png"));
        ff_data::write_png(&file, &result)?;
        crate::output::print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}

/// A dataset, and how to load it.
#[derive(Args)]
pub struct Bench {
    #[command(flatten)]
    source: Source,
    /// Augmentation: minimal, medium, heavy, rand-m15-n2, flip or eval
    #[arg(long, default_value = "heavy")]
    augment: Augment,
    /// Side of the augmented images, in pixels
    #[arg(long, alias = "px", value_name = "PX", default_value_t = 224)]
    image_size: u32,
    /// Loader threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Timed epochs, after one warm-up epoch
    #[arg(long, default_value_t = 2)]
    epochs: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn bench(options: &Bench) -> anyhow::Result<()> {
    let &Bench { ref source, augment, image_size, threads, epochs, json: as_json } = options;
    let dataset: Arc<dyn Dataset> = source.open()?;
    let indices = source.split(dataset.as_ref())?.train;
    let config = LoaderConfig {
        batch_size: 64,
        image_size,
        augment,
        shuffle: true,
        seed: 0,
        threads,
        prefetch: 2 * threads.max(1),
        on_bad_image: OnBadImage::Skip,
    };
    let loader = Loader::new(dataset, indices, config);
    let pass = |epoch: u64| -> anyhow::Result<usize> {
        loader.epoch(epoch).try_fold(0, |images, batch| Ok(images + batch?.indices.len()))
    };
    pass(0)?;
    let started = Instant::now();
    let mut images = 0;
    for epoch in 1..=epochs.max(1) {
        images += pass(epoch)?;
    }
    let rate = images as f64 / started.elapsed().as_secs_f64();
    if as_json {
        return crate::output::print_json(
            &json!({"augment": augment, "image_size": image_size, "threads": threads, "images": images, "images_per_s": rate,
                "peak_memory_mib": peak_memory_mib()}),
        );
    }
    crate::output::print(&format!(
        "{augment} to {image_size} px, {threads} threads: {rate:.1} images/s ({images} images)\n"
    ))
}

/// Returns this process's peak resident memory in MiB; `None` where `/proc` does not have it.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
