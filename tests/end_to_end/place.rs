//! A temporary folder with the binaries, tiny images and configurations.

use std::path::{Path, PathBuf};
use std::process::Command;

use ff_data::{Image, write_png};
use serde_json::Value;

/// The files of every table.
pub const TABLE_FILES: [&str; 8] = [
    "config.toml",
    "files.json",
    "jobs.json",
    "predictions.csv",
    "table.csv",
    "table.json",
    "table.md",
    "table.tex",
];

/// A temporary folder, in which commands run.
pub struct Place(tempfile::TempDir);

/// The exit code and the output of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Makes a place with [`table`] of a dataset in `tiny.toml`.
    pub fn with_table(dataset: &str) -> Self {
        let place = Self::new();
        place.write("tiny.toml", &table(dataset));
        place
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, below: &str) -> String {
        std::fs::read_to_string(self.path(below)).unwrap_or_else(|error| panic!("{below}: {error}"))
    }

    pub fn json(&self, below: &str) -> Value {
        serde_json::from_str(&self.read(below)).unwrap()
    }

    /// Runs a command line, its words separated by blanks, in this folder and without a network.
    pub fn run(&self, line: &str) -> Ran {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs a command given as words.
    pub fn run_words(&self, words: &[&str]) -> Ran {
        Ran::of(&mut self.command(words))
    }

    /// Runs a command line that succeeds and returns its stdout as JSON.
    #[track_caller]
    pub fn json_of(&self, line: &str) -> Value {
        self.run(line).json()
    }

    /// Returns the command of these words, not started yet.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.other(binary(words[0]));
        command.args(&words[1..]);
        command
    }

    /// Returns the command of another program, which runs in this folder without a network too.
    pub fn other(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.0.path())
            .env_remove("FF_DATA_ROOT")
            .env_remove("RUST_LOG")
            .env_remove("COLUMNS")
            .env_remove("HF_HUB_CACHE")
            .env_remove("HUGGINGFACE_HUB_CACHE")
            .env("HF_HOME", self.path("hf-home"))
            .env("HF_HUB_OFFLINE", "1");
        command
    }

    /// Writes `count` images for each class into class folders below `below`; each class has a
    /// colour of its own.
    pub fn images(&self, below: &str, classes: &[&str], count: usize) {
        for (class, name) in classes.iter().enumerate() {
            let folder = self.path(below).join(name);
            std::fs::create_dir_all(&folder).unwrap();
            for number in 0..count {
                picture(&folder.join(format!("{name}{number:02}.png")), class, number);
            }
        }
    }

    /// Returns every file below a folder, as paths relative to it, sorted.
    pub fn files(&self, below: &str) -> Vec<String> {
        let root = self.path(below);
        let entries = walkdir::WalkDir::new(&root).into_iter().filter_map(Result::ok);
        let files = entries.filter(|entry| !entry.file_type().is_dir());
        let name = |file: walkdir::DirEntry| file.path().strip_prefix(&root).unwrap().display().to_string();
        let mut names: Vec<_> = files.map(name).collect();
        names.sort();
        names
    }

    /// Returns the folder of the only table beside `tiny` that has other settings.
    pub fn other_table(&self) -> String {
        let folders = std::fs::read_dir(self.path("runs/tables")).unwrap();
        let names = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let found: Vec<_> = names.filter(|name| name.starts_with("tiny-")).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        format!("runs/tables/{}", found[0])
    }

    /// Returns the folder of the only job of a kind whose record's label contains `label`.
    pub fn job(&self, kind: &str, label: &str) -> PathBuf {
        let folders = std::fs::read_dir(self.path("runs/jobs")).unwrap().map(|entry| entry.unwrap().path());
        let fits = |folder: &PathBuf| {
            let record = std::fs::read_to_string(folder.join("record.json")).unwrap_or_default();
            let record: Value = serde_json::from_str(&record).unwrap_or_default();
            folder.file_name().unwrap().to_str().unwrap().starts_with(kind)
                && record["label"].as_str().is_some_and(|found| found.contains(label))
        };
        let found: Vec<_> = folders.filter(fits).collect();
        assert_eq!(found.len(), 1, "{kind} {label}: {found:?}");
        found[0].clone()
    }

    /// Returns the record of [`Self::job`].
    pub fn record(&self, kind: &str, label: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.job(kind, label).join("record.json")).unwrap()).unwrap()
    }

    /// Returns a path without this folder, as messages name it.
    pub fn name<'a>(&self, path: &'a Path) -> &'a str {
        path.strip_prefix(self.0.path()).unwrap().to_str().unwrap()
    }
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().expect("an exit code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Asserts that it succeeded and returns its stdout.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Asserts that it succeeded with `expected` in its stderr, and returns its stdout.
    #[track_caller]
    pub fn ok_saying(self, expected: &str) -> String {
        assert_has(&self.stderr, &[expected]);
        self.ok()
    }

    /// Asserts that it succeeded and returns its stdout as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// Asserts that it failed with that exit code and an error that contains all of `expected`, and
    /// returns its stderr.
    #[track_caller]
    pub fn refused(self, code: i32, expected: &[&str]) -> String {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.contains("error: "), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_has(&self.stderr, expected);
        self.stderr
    }
}

/// Asserts that a text contains all parts; if not, prints its beginning.
#[track_caller]
pub fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in:\n{text:.9999}");
    }
}

/// Flips a bit of a file's last byte and returns the original bytes.
pub fn flip_last(path: &Path) -> Vec<u8> {
    let sound = std::fs::read(path).unwrap();
    let mut flipped = sound.clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(path, flipped).unwrap();
    sound
}

/// Returns whether a command can be run and succeeds.
pub fn works(words: &[&str]) -> bool {
    Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success())
}

/// Writes a noisy 16 px image in the colour of a class.
pub fn picture(path: &Path, class: usize, number: usize) {
    let mut image = Image::filled(16, 16, [60, 60, 60]);
    for (at, value) in image.data.iter_mut().enumerate() {
        let base = if at % 3 == class % 3 { 150 } else { 60 };
        *value = base + ((at * 37 + number * 101 + at * at * number) % 60) as u8;
    }
    write_png(path, &image).unwrap();
    // Old enough for its hash to be kept, on a fast machine as on a slow one.
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(hour_ago).unwrap();
}

/// Returns the path of a binary.
pub fn binary(name: &str) -> &'static str {
    match name {
        "ff-data" => env!("CARGO_BIN_EXE_ff-data"),
        "ff-eval" => env!("CARGO_BIN_EXE_ff-eval"),
        "ff-grid" => env!("CARGO_BIN_EXE_ff-grid"),
        "ff-inmerge" => env!("CARGO_BIN_EXE_ff-inmerge"),
        "ff-models" => env!("CARGO_BIN_EXE_ff-models"),
        "ff-soup" => env!("CARGO_BIN_EXE_ff-soup"),
        "ff-train" => env!("CARGO_BIN_EXE_ff-train"),
        _ => panic!("no binary `{name}`"),
    }
}

/// Returns a table of 26 jobs on a dataset given as TOML: 2 learning rates × 2 augmentations, FGG
/// of 3 epochs from 2 bases of the grid.
pub fn table(dataset: &str) -> String {
    format!(
        r#"
name = "tiny"

[model]
image_size = 16
precision = "fp32"
batch_size = 8
weight_decay = 0.01

[probe]
epochs = 1
learning_rate = 1e-2
augment = "minimal"
seed = 9
update_bn_stats = false

[finetune]
epochs = 2
select_by = "metric"

[grid]
learning_rates = [1e-2, 1e-3]
augmentations = ["minimal", "heavy"]
seeds = [0]

[fgg]
learning_rates = [1e-2, 1e-3]
augment = "heavy"
seed = 0
epochs = 3
epochs_per_cycle = 2
phase = 0.0
lr_max = 1e-3
lr_min = 1e-5
carry_optimizer = true

[evaluation]
resamples = 20
seed = 0

[[backbone]]
name = "pico"
architecture = "resnet_pico"
weights = "random"

{dataset}

[[method]]
name = "GS (best)"
pool = "grid"
select = {{ kind = "best" }}

[[method]]
name = "Uniform Soup"
pool = "grid"
select = {{ kind = "uniform" }}

[[method]]
name = "Greedy Soup"
pool = "grid"
select = {{ kind = "greedy" }}

[[method]]
name = "FGG (best)"
pool = "fgg"
select = {{ kind = "best" }}

[[method]]
name = "GoU"
pool = "fgg"
select = {{ kind = "gou", by = "learning_rate" }}

[[method]]
name = "GoG"
pool = "fgg"
select = {{ kind = "gog", by = "learning_rate" }}
"#
    )
}

/// The command line that runs the table of [`Place::with_table`].
pub const RUN: &str = "ff-grid run --config tiny.toml";

/// Jobs of [`table`]: a probe, 4 fine-tuned models, 2 cyclic runs; 6 soups, predictions and scores.
pub const JOBS: usize = 26;

/// Forty generated images.
pub const SHAPES: &str = r#"
[[dataset]]
name = "shapes"
metric = "accuracy"
source = { kind = "phantom", task = "shapes", image_size = 16, train = 24, val = 8, test = 8, seed = 1 }
split = { kind = "official" }
"#;

/// An out-of-distribution set for [`SHAPES`], written after it: shifted shapes.
pub const TWIN: &str = r#"
ood = [{ name = "twin", source = { kind = "phantom", task = "shapes", image_size = 16, train = 0, val = 0, test = 8, seed = 2, shifted = true } }]
"#;

/// Class folders in `cells` below the data root.
pub const FOLDER: &str = r#"
[[dataset]]
name = "cells"
metric = "macro-f1"
source = { kind = "folder", path = "cells" }
split = { kind = "ratio", train = 0.6, val = 0.2, test = 0.2, seed = 0 }
"#;

/// Returns [`FOLDER`] with a folder for each split.
pub fn official_folder() -> String {
    FOLDER.replace("\"ratio\", train = 0.6, val = 0.2, test = 0.2, seed = 0", "\"official\"")
}

/// A recipe of `ff-train`: a short training on the images of [`FOLDER`].
pub const PROBE: &str = r#"
name = "probe"
[model]
architecture = "resnet_pico"
image_size = 16
precision = "fp32"
weights = "random"
seed = 0
[dataset]
source = { kind = "folder", path = "cells" }
split = { kind = "ratio", train = 0.6, val = 0.2, test = 0.2, seed = 0 }
[train]
epochs = 1
batch_size = 8
augment = "minimal"
seed = 0
optimizer = { kind = "sgd", momentum = 0.9, weight_decay = 0.0 }
schedule = { kind = "constant", lr = 1e-2 }
trainable = { kind = "all" }
select_by = "metric"
metric = "accuracy"
keep_optimizer = false
"#;
