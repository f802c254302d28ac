//! `ff-grid watch`: a terminal dashboard of a table that any number of processes run.

mod draw;
mod snapshot;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use ff_grid::{Plan, RunStore};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

pub use snapshot::spoken;
use snapshot::{Known, Snapshot};

/// The interval between two reads of the runs folder.
const EVERY: Duration = Duration::from_secs(1);

/// Shows a table's state until q is pressed; writes nothing.
///
/// Without a terminal, or as JSON, prints the current state once.
pub fn watch(plan: &Plan, runs: &RunStore, json: bool) -> anyhow::Result<()> {
    let mut known = Known::default();
    let first = Snapshot::take(plan, runs, &mut known)?;
    if json {
        return crate::output::print_json(&first);
    }
    if !std::io::stdout().is_terminal() {
        return crate::output::print(&first.to_string());
    }
    let mut terminal = ratatui::try_init()?;
    let result = follow(&mut terminal, first, || Snapshot::take(plan, runs, &mut known));
    ratatui::restore();
    result
}

fn follow(
    terminal: &mut ratatui::DefaultTerminal,
    mut snapshot: Snapshot,
    mut take: impl FnMut() -> anyhow::Result<Snapshot>,
) -> anyhow::Result<()> {
    let (mut chosen, mut taken) = (0, Instant::now());
    loop {
        chosen = chosen.min(snapshot.running.len().saturating_sub(1));
        terminal.draw(|frame| draw::draw(frame, &snapshot, chosen))?;
        if event::poll(EVERY.saturating_sub(taken.elapsed()))? {
            let Event::Key(key) = event::read()? else { continue };
            if key.kind != KeyEventKind::Press {
                continue;
            }
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(()),
                KeyCode::Down | KeyCode::Tab => chosen += 1,
                KeyCode::Up => chosen = chosen.saturating_sub(1),
                _ => {}
            }
        }
        if taken.elapsed() >= EVERY {
            (snapshot, taken) = (take()?, Instant::now());
        }
    }
}
