//! Looks at datasets, augmentation and the loader.

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

/// Images on disk: what a dataset holds, what augmentation makes of it, how fast it loads.
#[derive(Subcommand)]
pub enum Command {
    /// Print splits, class counts, digest, what differs from the published numbers, and what stands
    /// in more than one split: groups (patients), copies of an image
    Inspect {
        /// The dataset.
        #[command(flatten)]
        source: Source,
        /// Decode every image and name those that cannot be read
        #[arg(long)]
        decode: bool,
        /// Fail if a group or an image stands in more than one split
        #[arg(long)]
        strict: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Download an open dataset, or say how to come by one that is not
    Fetch(crate::fetch::Request),
    /// Decode all images, shrink them to --shrink-px and keep them in --cache, so that runs read
    /// pixels
    Prepare {
        /// The dataset.
        #[command(flatten)]
        source: Source,
        /// Threads; 0: all cores
        #[arg(long, default_value_t = 0)]
        threads: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write augmented versions of one image as PNG files
    Augment(Versions),
    /// Measure images per second of the loader over the training split
    Bench(Bench),
}

impl Command {
    /// Runs it.
    ///
    /// # Errors
    /// Whatever is wrong, for people.
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
    let torn = found.torn();
    if strict && !torn.is_empty() {
        bail!("{torn}hint: divide it with --ratio and --grouped, or leave copies out with --split-csv");
    }
    Ok(())
}

fn prepare(source: &Source, threads: usize, as_json: bool) -> anyhow::Result<()> {
    if source.cache.is_none() {
        bail!(
            "--cache: where to keep the images?\nhint: a table that is run with --runs RUNS reads RUNS/cache"
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
        "{added} images added to {kept_before}, {} unreadable; {:.1} MB in {:.1} s\n",
        unreadable.len(),
        bytes as f64 / 1e6,
        started.elapsed().as_secs_f64()
    ))
}

/// Which versions of which image.
#[derive(Args)]
pub struct Versions {
    /// minimal, medium, heavy, rand-m15-n2, flip or eval
    #[arg(long)]
    augment: Augment,
    /// Side of the result
    #[arg(long, alias = "px", default_value_t = 224)]
    image_size: u32,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of versions
    #[arg(long, default_value_t = 8)]
    count: u64,
    /// The image
    image: PathBuf,
    /// Folder for the versions
    #[arg(long)]
    output: PathBuf,
}

fn versions(options: &Versions) -> anyhow::Result<()> {
    let &Versions { augment, image_size, seed, count, ref image, ref output } = options;
    let image = read_image(image)?;
    std::fs::create_dir_all(output)
        .with_context(|| format!("{}: cannot make this folder", output.display()))?;
    for version in 0..count {
        let result = augment.apply(&image, image_size, &mut stream(seed, "augment", &[version, 0]));
        let file = output.join(format!("{augment}-{version:03}.png"));
        ff_data::write_png(&file, &result)?;
        crate::output::print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}

/// What is loaded, and how.
#[derive(Args)]
pub struct Bench {
    #[command(flatten)]
    source: Source,
    /// minimal, medium, heavy, rand-m15-n2, flip or eval
    #[arg(long, default_value = "heavy")]
    augment: Augment,
    /// Side of the result
    #[arg(long, alias = "px", default_value_t = 224)]
    image_size: u32,
    /// Loader threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Counted epochs, after one that is not
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
            &json!({"augment": augment, "px": image_size, "threads": threads, "images": images, "images_per_s": rate,
                "peak_memory_mib": peak_memory_mib()}),
        );
    }
    crate::output::print(&format!(
        "{augment} to {image_size} px, {threads} threads: {rate:.1} images/s ({images} images)\n"
    ))
}

/// The most memory that this process has held, as far as the system tells.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
