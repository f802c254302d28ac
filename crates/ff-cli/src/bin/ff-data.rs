//! Looks at datasets, augmentation and the loader.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand};
use ff_cli::{Common, Source};
use ff_data::random::stream;
use ff_data::{Augment, Dataset, Loader, LoaderConfig, OnBadImage, Split, Target, read_image};
use serde_json::json;

/// Images on disk: what a dataset holds, what augmentation makes of it, how fast it loads.
#[derive(Parser)]
#[command(name = "ff-data", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Command {
    /// Print splits, class counts, digest, and groups (patients) that stand in more than one split
    Inspect {
        #[command(flatten)]
        source: Source,
        /// Decode every image and name those that cannot be read
        #[arg(long)]
        decode: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write augmented versions of one image as PNG files
    Augment {
        /// minimal, medium, heavy, rand-m15-n2, flip or eval
        #[arg(long)]
        augment: Augment,
        /// Side of the result
        #[arg(long, default_value_t = 224)]
        px: u32,
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
    },
    /// Measure images per second of the loader over the training split
    Bench {
        #[command(flatten)]
        source: Source,
        /// minimal, medium, heavy, rand-m15-n2, flip or eval
        #[arg(long, default_value = "heavy")]
        augment: Augment,
        /// Side of the result
        #[arg(long, default_value_t = 224)]
        px: u32,
        /// Loader threads
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Counted epochs, after one that is not
        #[arg(long, default_value_t = 2)]
        epochs: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    ff_cli::main(&cli.common, || match cli.command {
        Command::Inspect { source, decode, json } => inspect(&source, decode, json),
        Command::Augment { augment, px, seed, count, image, output } => {
            versions(augment, px, seed, count, &image, &output)
        }
        Command::Bench { source, augment, px, threads, epochs, json } => {
            bench(&source, augment, px, threads, epochs, json)
        }
    })
}

fn inspect(source: &Source, decode: bool, as_json: bool) -> anyhow::Result<()> {
    let dataset = source.open()?;
    let rule = source.rule(dataset.as_ref());
    let splits = source.divide(dataset.as_ref())?;
    let leakage = splits.leakage(dataset.as_ref());
    let names = dataset.task().names();
    let count = |split: Split| -> Vec<usize> {
        let mut counts = vec![0; names.len()];
        for &index in splits.get(split).iter() {
            match &dataset.samples()[index].target {
                Target::Class(class) => counts[*class] += 1,
                Target::Labels(labels) => {
                    labels
                        .iter()
                        .zip(&mut counts)
                        .for_each(|(label, n)| *n += usize::from(*label == Some(true)));
                }
            }
        }
        counts
    };
    let all = [Split::Train, Split::Val, Split::Test];
    let bad: Vec<String> = match decode {
        true => unreadable(dataset.as_ref()),
        false => Vec::new(),
    };
    if as_json {
        let part = |split: Split| {
            let counts: serde_json::Map<_, _> =
                names.iter().cloned().zip(count(split).into_iter().map(|n| json!(n))).collect();
            json!({"images": splits.get(split).len(), "per_class": counts})
        };
        return ff_cli::print_json(&json!({
            "images": dataset.samples().len(), "digest": dataset.digest(), "split_rule": rule,
            "train": part(Split::Train), "val": part(Split::Val), "test": part(Split::Test),
            "leakage": leakage, "unreadable": decode.then_some(&bad),
        }));
    }
    let mut text = format!(
        "{} images, digest {}\nsplit: {}\n\n",
        dataset.samples().len(),
        dataset.digest(),
        serde_json::to_string(&rule)?
    );
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    text += &format!("{:width$} {:>8} {:>8} {:>8}\n", "class", "train", "val", "test");
    let counts = all.map(count);
    for (class, name) in names.iter().enumerate() {
        let [train, val, test] = [0, 1, 2].map(|split: usize| counts[split][class]);
        text += &format!("{name:width$} {train:>8} {val:>8} {test:>8}\n");
    }
    let [train, val, test] = all.map(|split| splits.get(split).len());
    text += &format!("{:width$} {train:>8} {val:>8} {test:>8}\n\n", "all");
    text += &match (leakage.groups, leakage.shared.len()) {
        (0, _) => {
            "no groups (patients) are named, so nothing can be said of leakage between splits\n".to_owned()
        }
        (groups, 0) => format!("{groups} groups, none in more than one split\n"),
        (groups, shared) => format!(
            "{shared} of {groups} groups stand in more than one split: results will look better than they are\n"
        ),
    };
    for why in &bad {
        text += &format!("unreadable: {why}\n");
    }
    ff_cli::print(&text)
}

fn unreadable(dataset: &dyn Dataset) -> Vec<String> {
    let check = |index| dataset.image(index).err().map(|error| error.to_string());
    (0..dataset.samples().len()).filter_map(check).collect()
}

fn versions(
    augment: Augment,
    px: u32,
    seed: u64,
    count: u64,
    path: &std::path::Path,
    output: &std::path::Path,
) -> anyhow::Result<()> {
    let image = read_image(path)?;
    std::fs::create_dir_all(output)
        .with_context(|| format!("{}: cannot make this folder", output.display()))?;
    for version in 0..count {
        let result = augment.apply(&image, px, &mut stream(seed, "augment", &[version, 0]));
        let file = output.join(format!("{augment}-{version:03}.png"));
        ff_data::write_png(&file, &result)?;
        ff_cli::print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}

fn bench(
    source: &Source,
    augment: Augment,
    px: u32,
    threads: usize,
    epochs: u64,
    as_json: bool,
) -> anyhow::Result<()> {
    let dataset: Arc<dyn Dataset> = source.open()?;
    let indices = source.divide(dataset.as_ref())?.train;
    let config = LoaderConfig {
        batch_size: 64,
        px,
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
        return ff_cli::print_json(
            &json!({"augment": augment, "px": px, "threads": threads, "images": images, "images_per_s": rate}),
        );
    }
    ff_cli::print(&format!("{augment} to {px} px, {threads} threads: {rate:.1} images/s ({images} images)\n"))
}
