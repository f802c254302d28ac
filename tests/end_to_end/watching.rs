//! Progress of running grids: `ff-grid watch` and TensorBoard files.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::place::{Place, SHAPES, assert_has, works};

#[test]
fn a_grid_is_watched_from_outside() {
    let place = Place::with_table(SHAPES);
    let watch = "ff-grid watch --config tiny.toml";
    assert_eq!(place.run(watch).ok(), "0 of 26 jobs done\n");

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
    let text = place.run(&format!("{watch} --set finetune.epochs=1000000")).ok();
    assert!(text.starts_with("1 of 26 jobs done, ") && text.contains("\nrunning  shapes pico: lr"), "{text}");
    let status = "ff-grid status --config tiny.toml --set finetune.epochs=1000000";
    let by = format!("process {} on", grid.id());
    assert_has(
        &place.run(status).ok(),
        &["running:\n  shapes pico: lr 1e-2", " of 1000000, ", &by, ", for "],
    );
    grid.kill().unwrap();
    grid.wait().unwrap();
    let stopped = place.run(status).ok();
    assert_has(
        &stopped,
        &["stopped:\n  shapes pico: lr 1e-2", &by, " ended\n", "hint: no process is running"],
    );
    assert!(
        !place.run(&format!("{watch} --set finetune.epochs=1000000")).ok().contains("running"),
        "the grid is dead"
    );
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
