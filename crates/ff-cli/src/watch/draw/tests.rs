use ff_eval::Value;
use ff_train::EpochRecord;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::*;
use crate::watch::open::OpenJob;
use crate::watch::snapshot::{Best, Finished, Snapshot};

fn epoch(epoch: u32) -> EpochRecord {
    let at = f64::from(epoch);
    EpochRecord {
        epoch,
        step: epoch as usize * 4,
        learning_rate: 1e-3,
        train_loss: 2.0 / at,
        validation_loss: 1.0 + 1.0 / at,
        validation: Value::Defined(0.5 + at / 100.0),
        images: 640,
        skipped: vec![],
        hooks: Default::default(),
        seconds: 2.0,
        data_seconds: 0.3,
    }
}

/// Returns a job of 50 epochs, after some of them.
fn job(id: usize, label: &str, owner: Option<&str>, epochs: u32) -> OpenJob {
    OpenJob {
        id: format!("{id:016x}").as_str().into(),
        label: label.to_owned(),
        owner: owner.map(str::to_owned),
        device: owner.map(|_| "cuda:0".to_owned()),
        why: None,
        epochs: 50,
        history: (1..=epochs).map(epoch).collect(),
    }
}

fn waiting() -> Vec<OpenJob> {
    let rates = ["1e-3", "5e-4", "1e-4", "5e-5", "1e-5"];
    let labels = rates.iter().map(|rate| format!("cells ResNet50: lr {rate} minimal seed 1"));
    labels.enumerate().map(|(at, label)| job(100 + at, &label, None, 0)).collect()
}

fn idle() -> Snapshot {
    Snapshot {
        table: "table1".into(),
        jobs: 5,
        missing: 4,
        idle: true,
        waiting: waiting(),
        ..Snapshot::default()
    }
}

/// Two running jobs, one of which has no finished epoch; one that failed and one that stopped.
fn running() -> Snapshot {
    let (owner, ended) = (Some("process 4242 on node7"), Some("process 77 on node3"));
    let failed = job(2, "cells ResNet50: lr 1e-2 heavy seed 0", ended, 3);
    let finished = |label: &str, seconds_ago, score| Finished { label: label.into(), seconds_ago, score };
    Snapshot {
        done: 31,
        jobs: 40,
        share: 0.42,
        left_seconds: Some(7000.0),
        images_per_second: 640.0,
        idle: false,
        running: vec![
            job(0, "cells ResNet50: lr 1e-5 heavy seed 0", owner, 6),
            job(1, "cells ResNet50: GoG, the greedy soup of greedy soups by learning rate", owner, 0),
        ],
        failed: vec![OpenJob {
            why: Some(
                "out of memory: tried to allocate 2.00 GiB on cuda:0\nhint: set a smaller batch_size".into(),
            ),
            ..failed
        }],
        stopped: vec![job(3, "cells ResNet50: lr 5e-5 heavy seed 0", ended, 49)],
        best: vec![
            Best {
                column: "cells".into(),
                label: "cells ResNet50: lr 1e-4 heavy seed 0".into(),
                score: 0.9312,
            },
            Best { column: "lungs".into(), label: "lungs ViT-B/16: Greedy Soup".into(), score: 0.8 },
        ],
        finished: vec![
            finished("cells ResNet50: lr 1e-4 heavy seed 0", 12.0, Some(0.9312)),
            finished("cells ResNet50: predictions of lr 1e-4 heavy seed 0", 340.0, None),
            finished("lungs ViT-B/16: Greedy Soup", 80_000.0, Some(0.8)),
        ],
        ..idle()
    }
}

fn stopped() -> Snapshot {
    let ended = Some("process 77 on node3");
    let stopped = job(3, "cells ResNet50: lr 5e-5 heavy seed 0", ended, 49);
    Snapshot { done: 8, jobs: 14, share: 0.7, stopped: vec![stopped], ..idle() }
}

fn plain() -> Theme {
    Theme { blue: Default::default(), orange: Default::default() }
}

fn screen(view: &View, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, view, &plain())).unwrap();
    terminal.backend().to_string().replace('"', "")
}

/// Draws a view on a small, a usual and a large terminal.
fn screens(view: &View) -> String {
    [(50, 15), (80, 24), (120, 40)].map(|(columns, rows)| screen(view, columns, rows)).join("\n")
}

fn press(view: &mut View, key: KeyCode) {
    assert!(!view.press(KeyEvent::from(key)));
}

#[test]
fn a_running_table() {
    let mut view = View::new(running());
    view.speeds = (0..60).map(|at| 600 + 40 * (at % 3)).collect();
    insta::assert_snapshot!(screens(&view));
}

#[test]
fn a_table_that_was_not_started() {
    insta::assert_snapshot!(screens(&View::new(idle())));
}

#[test]
fn a_stopped_table() {
    insta::assert_snapshot!(screens(&View::new(stopped())));
}

#[test]
fn a_finished_table() {
    let snapshot = Snapshot { done: 5, share: 1.0, idle: false, waiting: vec![], ..idle() };
    insta::assert_snapshot!(screens(&View::new(snapshot)));
}

/// Forty running jobs except the first `gone`.
fn forty(gone: usize) -> Snapshot {
    let jobs = (gone..40).map(|at| job(at, &format!("cells ResNet50: run {at}"), Some("process 9 on a"), 2));
    Snapshot { running: jobs.collect(), only_column: Some("cells ResNet50".into()), ..running() }
}

#[test]
fn long_lists_are_scrolled() {
    let mut view = View::new(forty(0));
    press(&mut view, KeyCode::Char('G'));
    (0..20).for_each(|_| press(&mut view, KeyCode::Up));
    // Jobs above the selected one end, and it stays selected.
    view.update(forty(3));
    let middle = screen(&view, 80, 24);
    press(&mut view, KeyCode::End);
    insta::assert_snapshot!(format!("{middle}\n{}", screen(&view, 50, 15)));
}

#[test]
fn a_small_terminal_shows_a_panel_at_a_time() {
    let mut view = View::new(running());
    let panels = [(); 3].map(|()| {
        press(&mut view, KeyCode::Tab);
        screen(&view, 50, 15)
    });
    press(&mut view, KeyCode::Tab);
    assert_eq!(view.panel, Panel::Jobs);
    press(&mut view, KeyCode::BackTab);
    assert_eq!(view.panel, Panel::Finished);
    insta::assert_snapshot!(panels.join("\n"));
}

#[test]
fn no_terminal_is_too_small() {
    for snapshot in [running(), idle(), stopped(), Snapshot::default()] {
        let mut view = View::new(snapshot);
        for (columns, rows) in [(1, 1), (3, 4), (10, 6), (20, 40), (300, 8)] {
            screen(&view, columns, rows);
            press(&mut view, KeyCode::Tab);
        }
    }
}

#[test]
fn the_state_without_a_terminal() {
    insta::assert_snapshot!(format!("{}\n{}", running(), stopped()));
}
