//! Progress of running grids: `ff-grid watch` and TensorBoard files.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use crate::place::{Place, RUN, SHAPES, assert_has, binary, works};

#[test]
fn a_grid_is_watched_from_outside() {
    let place = Place::with_table(SHAPES);
    let watch = "ff-grid watch --config tiny.toml";
    let idle = "no process is running: 26 jobs left; `ff-grid run` starts them";
    assert_eq!(place.run(watch).ok(), format!("0 of 26 jobs done, 26 waiting\n{idle}\n"));

    let line = "ff-grid run --config tiny.toml --set finetune.epochs=1000000 --set run.workers=1";
    let words: Vec<&str> = line.split(' ').collect();
    let mut grid = place.command(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // The probe is done and the first fine-tuning runs; it is killed long before its last epoch.
    let first = BufReader::new(grid.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with('['));
    assert!(first.unwrap().contains("probe"));
    let line = format!("{watch} --json --set finetune.epochs=1000000");
    let seen = loop {
        let seen = place.json_of(&line);
        if seen["running"][0]["history"].as_array().is_some_and(|history| history.len() > 1) {
            break seen;
        }
        assert!(grid.try_wait().unwrap().is_none(), "{seen}");
    };
    let running = &seen["running"][0];
    assert_eq!(
        (&seen["done"], &running["epochs"], &running["device"]),
        (&1.into(), &1_000_000.into(), &"cpu".into())
    );
    assert!(running["owner"].as_str().unwrap().contains(&format!("process {} on", grid.id())), "{running}");
    assert!(
        seen["images_per_second"].as_f64().unwrap() > 0.0 && seen["left_seconds"].as_f64().unwrap() > 0.0
    );
    assert_eq!(seen["best"][0]["column"], "shapes pico");
    assert_eq!(seen["finished"][0]["label"], "shapes pico: probe");
    assert_eq!(seen["waiting"].as_array().unwrap().len(), 24);
    assert_eq!(seen["waiting"][23]["why"], "needs GS (best) and 5 more", "the verdict");
    let text = place.run(&format!("{watch} --set finetune.epochs=1000000")).ok();
    assert!(
        text.starts_with("1 of 26 jobs done, 1 running, 24 waiting, ")
            && text.contains("\nrunning  shapes pico: lr"),
        "{text}"
    );
    let status = "ff-grid status --config tiny.toml --set finetune.epochs=1000000";
    let by = format!("process {} on", grid.id());
    let running = ["running:\n  shapes pico: lr 1e-2", " of 1000000, ", &by, ", for "];
    assert_has(&place.run(status).ok(), &running);
    grid.kill().unwrap();
    grid.wait().unwrap();
    let stopped = ["stopped:\n  shapes pico: lr 1e-2", &by, " ended\n", "hint: no process is running"];
    assert_has(&place.run(status).ok(), &stopped);
    let text = place.run(&format!("{watch} --set finetune.epochs=1000000")).ok();
    assert!(text.starts_with("1 of 26 jobs done, 1 stopped, 24 waiting\nstopped  shapes pico: lr"), "{text}");
    let ended = format!("process {} on", grid.id());
    assert_has(&text, &["  cpu, epoch ", &ended, " has ended\n", "no process is running: 25 jobs left; "]);
}

/// The escape sequences that enter the terminal's second screen and leave it.
const SCREEN: [&str; 2] = ["\u{1b}[?1049h", "\u{1b}[?1049l"];

/// A dashboard on a terminal of 80 × 24, which `script` makes.
struct Dashboard {
    script: Child,
    shown: String,
}

impl Dashboard {
    /// Starts a dashboard of the table of [`Place::with_table`], and waits until it is drawn.
    fn start(place: &Place, no_color: &str) -> Self {
        let grid = binary("ff-grid");
        let line = format!("stty cols 80 rows 24; exec {grid} watch --config tiny.toml");
        let mut script = place.other("script");
        script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        script.env("NO_COLOR", no_color).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut this = Self { script: script.spawn().unwrap(), shown: String::new() };
        // Blanks are not drawn on an empty screen.
        this.read(|shown| shown.contains("quitting"));
        this
    }

    /// Reads what it writes up to a condition or its end.
    fn read(&mut self, until: impl Fn(&str) -> bool) {
        let output = self.script.stdout.as_mut().unwrap();
        let (mut bytes, mut part) = (std::mem::take(&mut self.shown).into_bytes(), [0; 4096]);
        while !until(&String::from_utf8_lossy(&bytes)) {
            match output.read(&mut part).unwrap() {
                0 => break,
                read => bytes.extend(&part[..read]),
            }
        }
        self.shown = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// Reads to its end, which is a success, and returns what it drew and what it printed on the
    /// first screen then.
    fn end(mut self) -> (String, String) {
        self.read(|_| false);
        assert!(self.script.wait().unwrap().success(), "{}", self.shown);
        let (drawn, printed) = self.shown.split_once(SCREEN[1]).expect("the first screen is restored");
        (drawn.to_owned(), printed.replace('\r', ""))
    }
}

#[test]
fn the_dashboard_ends_with_the_table() {
    if !works(&["script", "--version"]) {
        return eprintln!("skipped: no `script`");
    }
    let place = Place::with_table(SHAPES);
    let dashboard = Dashboard::start(&place, "");
    place.run(RUN).ok();
    let (drawn, printed) = dashboard.end();
    assert_has(&drawn, &[SCREEN[0], "starts", "38;5;31"]);
    assert_has(&printed, &[&place.read("runs/tables/tiny/table.md")]);
}

#[test]
fn the_dashboard_is_left_with_q() {
    if !works(&["script", "--version"]) {
        return eprintln!("skipped: no `script`");
    }
    let place = Place::with_table(SHAPES);
    let mut dashboard = Dashboard::start(&place, "1");
    dashboard.script.stdin.as_mut().unwrap().write_all(b"jGq").unwrap();
    let (drawn, printed) = dashboard.end();
    assert_has(&drawn, &["verdict"]);
    assert!(!drawn.contains("38;5;"), "NO_COLOR is set");
    assert_has(&printed, &["0 of 26 jobs done, 26 waiting\n"]);
}

#[test]
fn tensorboard_reads_its_event_files() {
    let place = Place::with_table(SHAPES);
    place.run("ff-grid run --config tiny.toml --tensorboard curves").ok();
    let files = place.files("curves");
    assert_eq!(files.len(), 7, "a probe, four fine-tuned models and two cyclic runs: {files:?}");
    let python = std::env::var("FF_TENSORBOARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = r#"
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
for tag in sorted(events.Tags()["scalars"]):
    print(tag, *[f"{event.step}:{event.value:.6f}" for event in events.Scalars(tag)])
"#;
    if !works(&[&python, "-c", "import tensorboard"]) {
        eprintln!("skipped: no Python with tensorboard (FF_TENSORBOARD_PYTHON or python3)");
        return;
    }
    let folder = place.path("curves/shapes pico: lr 1e-3 heavy seed 0");
    let output = Command::new(&python).args(["-c", script]).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = String::from_utf8(output.stdout).unwrap();
    let record = place.record("finetune", "lr 1e-3 heavy");
    let history = record["output"]["training"]["history"].as_array().unwrap();
    for (tag, field) in [
        ("loss/train", "train_loss"),
        ("loss/validation", "validation_loss"),
        ("learning_rate", "learning_rate"),
    ] {
        let values: Vec<_> = history
            .iter()
            .map(|epoch| format!("{}:{:.6}", epoch["epoch"], epoch[field].as_f64().unwrap() as f32))
            .collect();
        assert!(read.contains(&format!("{tag} {}\n", values.join(" "))), "{tag} {values:?} in\n{read}");
    }
    assert_has(&read, &["metric/validation 1:", "images_per_second 1:", "data_time_share 1:"]);
}
