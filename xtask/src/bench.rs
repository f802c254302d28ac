//! `bench`: the speed of this software and of its peers, measured in turn.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::setup;
use crate::workspace::Workspace;

/// Cases to measure, and the software to compare with.
#[derive(Args)]
pub struct Options {
    /// Folder of JPEG images in class folders; without it no loader is measured
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Folder of weights of one architecture; without it no averaging is measured
    ///
    /// The files are named 00.safetensors and on, as soup.py makes them with --dir.
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Weights that those files were fine-tuned from; without them no merge methods are measured
    ///
    /// Their peer is xtask/peers/merging.py, which needs mergekit 0.1.5.
    #[arg(long, value_name = "FILE", requires = "weights")]
    base: Option<PathBuf>,
    /// Folder of the peers' scripts; without it only this software is measured
    ///
    /// The scripts are loader.py, step.py, soup.py and inmerge.py. Each prints a line of JSON.
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// Python that runs the peers' scripts
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    python: PathBuf,
    /// Device of training steps; batches are of 128 on a GPU and of 16 on the CPU
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// Runs of each case; the table shows medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure only cases whose names contain this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Print the results as JSON too
    #[arg(long)]
    json: bool,
}

/// A case: this software's and the peer's command for the same work, and the key of the number in
/// their output.
struct Case {
    name: String,
    unit: &'static str,
    /// Whether more is better.
    rate: bool,
    ours: Vec<String>,
    key: &'static str,
    peer: Vec<String>,
}

/// Runs all cases and prints a table.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    setup::ensure(workspace, false)?;
    workspace.build_programs()?;
    let cache = std::env::temp_dir().join(format!("ff-bench-{}", std::process::id()));
    std::fs::create_dir_all(&cache)?;
    let cases = cases(options, workspace.root(), &cache)?;
    let wanted = |case: &&Case| options.only.as_ref().is_none_or(|text| case.name.contains(text.as_str()));
    let mut found = Vec::new();
    println!("{:40} {:>12} {:>12} {:>8}", "work", "ours", "peer", "ratio");
    for case in cases.iter().filter(wanted) {
        let result = measure(case, options, workspace)?;
        let number = |key: &str| result[key].as_f64().map_or("–".to_owned(), |value| format!("{value:.2}"));
        let name = format!("{}, {}", case.name, case.unit);
        println!("{name:40} {:>12} {:>12} {:>8}", number("ours"), number("peer"), number("ratio"));
        found.push(result);
    }
    let _ = std::fs::remove_dir_all(&cache);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures this software and its peer in turn, so that slow minutes of the machine affect both.
fn measure(case: &Case, options: &Options, workspace: &Workspace) -> Result<Value> {
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds.max(1) {
        let (program, arguments) = case.ours.split_first().expect("a command");
        ours.push(figure(workspace.program(program).args(arguments), case.key)?);
        if let (Some(folder), Some((script, arguments))) = (&options.peers, case.peer.split_first()) {
            let mut peer = Command::new(&options.python);
            peers.push(figure(peer.arg(folder.join(script)).args(arguments), case.key)?);
        }
    }
    let (our, peer) = (median(&ours), (!peers.is_empty()).then(|| median(&peers)));
    let ratio = peer.map(|peer| our / peer);
    Ok(
        json!({"work": case.name, "unit": case.unit, "more_is_better": case.rate, "ours": our, "peer": peer, "ratio": ratio,
        "ours_each": ours, "peer_each": peers}),
    )
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Runs a command and returns the number at `key` of the JSON that it prints.
fn figure(command: &mut Command, key: &str) -> Result<f64> {
    let shown = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| shown.clone())?;
    if !output.status.success() {
        bail!("{shown}: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // Some programs print an object over several lines, some a line for each case, of which the
    // last counts.
    let value: Value = serde_json::from_str(text.trim())
        .or_else(|_| serde_json::from_str(text.trim().lines().last().unwrap_or_default()))
        .with_context(|| format!("{shown}: expected JSON, found {text}"))?;
    value[key].as_f64().with_context(|| format!("{shown}: expected a number `{key}`, found {value}"))
}

fn cases(options: &Options, root: &Path, cache: &Path) -> Result<Vec<Case>> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut cases = Vec::new();
    if let Some(folder) = options.images.as_deref().and_then(Path::to_str) {
        let cache = cache.display();
        for (name, augment, more) in [
            ("loader, heavy, decoding", "heavy", String::new()),
            ("loader, heavy, from the cache", "heavy", format!("--shrink-px 256 --cache {cache}")),
            ("loader, eval, decoding", "eval", String::new()),
        ] {
            let ours = format!(
                "ff-data bench --dataset folder --ratio 0.98,0.02,0 --augment {augment} --threads 2 --json {more}"
            );
            let peer = format!("loader.py {folder} --augment {augment} --workers 2");
            cases.push(Case {
                name: name.into(),
                unit: "images/s",
                rate: true,
                ours: [words(&ours), vec!["--root".into(), folder.into()]].concat(),
                key: "images_per_s",
                peer: words(&peer),
            });
        }
    }
    for architecture in ["resnet50", "deit_small_patch16_224"] {
        for precision in ["fp32", "bf16"] {
            let device = &options.device;
            let batch = if device == "cpu" { 16 } else { 128 };
            let common =
                format!("--batch {batch} --image-size 224 --precision {precision} --device {device}");
            cases.push(Case {
                name: format!("step, {architecture}, {precision}"),
                unit: "images/s",
                rate: true,
                ours: words(&format!("ff-models bench --arch {architecture} {common} --json")),
                key: "images_per_s",
                peer: words(&format!("step.py --arch {architecture} {common} --channels-last --fused")),
            });
        }
    }
    for architecture in ["vgg16", "vgg19"] {
        cases.push(Case {
            name: format!("in-model merging, {architecture}, per step"),
            unit: "ms",
            rate: false,
            ours: words(&format!(
                "ff-inmerge bench --arch {architecture} --shallow-layers 10 --iters 30 --json"
            )),
            key: "ms_per_merge",
            peer: words(&format!("inmerge.py --arch {architecture} --skip 10 --iters 15")),
        });
    }
    if let Some(folder) = &options.weights {
        cases.extend(merges(options, folder, root, cache)?);
    }
    Ok(cases)
}

/// Returns the cases that merge the files of a folder.
fn merges(options: &Options, folder: &Path, root: &Path, cache: &Path) -> Result<Vec<Case>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut files = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .map(|path| path.to_str().map(str::to_owned).with_context(|| path.display().to_string()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    let output = cache.join("soup.safetensors").display().to_string();
    let count = files.len();
    let case = |name: String, options: &[String], peer: Vec<String>| {
        let bench = ["ff-soup", "bench", "--json", "--output", &output].map(str::to_owned);
        let ours = [&bench, options, &files].concat();
        Case { name, unit: "s", rate: false, ours, key: "seconds", peer }
    };
    let text = |path: &Path| path.display().to_string();
    let peer = ["soup.py".into(), "--models".into(), count.to_string(), "--dir".into(), text(folder)];
    let mut cases = vec![case(format!("uniform soup of {count} files"), &[], peer.into())];
    if let Some(base) = &options.base {
        let script =
            [text(&root.join("xtask/peers/merging.py")), text(folder), "--save".into(), output.clone()];
        let lambda = ["--lambda".to_owned(), (1.0 / count as f64).to_string()];
        for (method, of_both, of_peer) in [
            ("stock", &[][..], &[][..]),
            ("task-arithmetic", &lambda, &[]),
            ("ties", &[], &[]),
            ("dare", &lambda, &["--density".to_owned(), "0.5".to_owned()]),
        ] {
            let both = ["--method".into(), method.into(), "--base".into(), text(base)];
            let both = [&both, of_both].concat();
            let peer = [&script, &both[..], of_peer].concat();
            cases.push(case(format!("{method} of {count} files"), &both, peer));
        }
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_both_output_forms() {
        let of = |text: &str| figure(Command::new("printf").arg("%s").arg(text), "x");
        assert_eq!(of("{\n \"x\": 2.5\n}").unwrap(), 2.5);
        assert_eq!(of("{\"x\": 1}\n{\"x\": 3}\n").unwrap(), 3.0);
        assert!(of("{\"y\": 1}").is_err() && of("nothing").is_err());
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn both_take_steps_on_the_same_device() {
        let options = Options {
            images: None,
            weights: None,
            base: None,
            peers: None,
            python: "python3".into(),
            device: "cuda".into(),
            rounds: 1,
            only: None,
            json: false,
        };
        let cases = cases(&options, Path::new(""), Path::new("")).unwrap();
        let steps: Vec<_> = cases.iter().filter(|case| case.name.starts_with("step")).collect();
        assert_eq!(steps.len(), 4);
        for words in steps.iter().flat_map(|case| [&case.ours, &case.peer]) {
            let line = words.join(" ");
            assert!(line.contains("--batch 128") && line.contains("--device cuda"), "{line}");
        }
    }
}
