//! `ff-grid watch`: a terminal dashboard of a table that any number of processes run.

mod draw;
mod known;
mod open;
mod snapshot;
mod style;
mod text;
mod view;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

use ff_grid::{Plan, RunStore, render};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use known::Known;
use snapshot::Snapshot;
use style::Theme;
pub use text::spoken;
use view::View;

/// The interval between two reads of the runs folder.
const EVERY: Duration = Duration::from_secs(1);

/// The longest time until a new snapshot or a signal is noticed.
const TICK: Duration = Duration::from_millis(100);

/// Shows a table's state until all jobs are done or q is pressed; writes nothing.
///
/// Then prints the table, or the state in one line. Without a terminal, or as JSON, prints the
/// current state once.
pub fn watch(plan: &Plan, runs: &RunStore, json: bool) -> anyhow::Result<()> {
    let mut known = Known::default();
    let first = Snapshot::take(plan, runs, &mut known);
    if json {
        return crate::output::print_json(&first);
    }
    if !std::io::stdout().is_terminal() {
        return crate::output::print(&first.to_string());
    }
    // The end of the terminal, SIGHUP, ends the process: there is nothing to restore then, and
    // crossterm would read from the terminal without an end.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, stop.clone())?;
    }
    let last = if first.is_finished() { first } else { show(plan, runs, known, first, &stop)? };
    if !last.is_finished() {
        return crate::output::print(&format!("{}\n", last.headline()));
    }
    let [markdown, _] = render(plan, runs)?;
    crate::output::print(&markdown)
}

/// Shows snapshots on the terminal, and returns the last one.
///
/// A thread takes them, so that keys are handled while a slow disk is read.
fn show(
    plan: &Plan,
    runs: &RunStore,
    mut known: Known,
    first: Snapshot,
    stop: &AtomicBool,
) -> anyhow::Result<Snapshot> {
    let (send, snapshots) = channel();
    let (leave, left) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while left.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if send.send(Snapshot::take(plan, runs, &mut known)).is_err() {
                    return;
                }
            }
        });
        // A panic restores the terminal by a hook that this sets.
        let mut terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        let result = follow(&mut terminal, View::new(first), &snapshots, stop);
        ratatui::restore();
        drop(leave);
        result
    })
}

fn follow(
    terminal: &mut ratatui::DefaultTerminal,
    mut view: View,
    snapshots: &Receiver<Snapshot>,
    stop: &AtomicBool,
) -> anyhow::Result<Snapshot> {
    let theme = Theme::of_environment();
    loop {
        terminal.draw(|frame| draw::draw(frame, &view, &theme))?;
        loop {
            if stop.load(Ordering::Relaxed) || view.snapshot.is_finished() {
                return Ok(view.snapshot);
            }
            match snapshots.try_recv() {
                Ok(snapshot) => view.update(snapshot),
                Err(TryRecvError::Empty) if !event::poll(TICK)? => continue,
                Err(TryRecvError::Empty) => {
                    if let Event::Key(key) = event::read()?
                        && key.kind == KeyEventKind::Press
                        && view.press(key)
                    {
                        return Ok(view.snapshot);
                    }
                }
                Err(TryRecvError::Disconnected) => anyhow::bail!("the runs folder is not read any more"),
            }
            break;
        }
    }
}
