//! A snapshot with the active panel and the selected row of each list.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::snapshot::Snapshot;

/// Number of speeds that the dashboard remembers, one a second.
const MOST_SPEEDS: usize = 240;

/// A panel, in the order of the Tab key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Panel {
    /// The jobs that are not done.
    #[default]
    Jobs,
    /// The learning curve of the selected job.
    Curve,
    /// The best model of each column.
    Best,
    /// The jobs that finished last.
    Finished,
}

/// A snapshot, and what the reader has selected.
pub struct View {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The active panel.
    pub panel: Panel,
    /// The selected job among [`Snapshot::open`].
    job: usize,
    /// The selected row of the best models.
    best: usize,
    /// The selected row of the finished jobs.
    finished: usize,
    /// Images per second of all jobs at each snapshot, the latest last.
    pub speeds: Vec<u64>,
}

impl View {
    /// Shows the first job of a snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        let speeds = vec![snapshot.images_per_second as u64];
        Self { snapshot, panel: Panel::Jobs, job: 0, best: 0, finished: 0, speeds }
    }

    /// Shows another snapshot. The same job stays selected while it is not done.
    pub fn update(&mut self, snapshot: Snapshot) {
        let selected = self.snapshot.open().get(self.job).map(|(_, job)| job.id.clone());
        let jobs = snapshot.open();
        let found = jobs.iter().position(|(_, job)| Some(&job.id) == selected.as_ref());
        self.job = found.unwrap_or(self.job.min(jobs.len().saturating_sub(1)));
        if self.speeds.len() == MOST_SPEEDS {
            self.speeds.remove(0);
        }
        self.speeds.push(snapshot.images_per_second as u64);
        self.snapshot = snapshot;
    }

    /// Returns the selected row of a panel's list, counted from 0.
    pub fn selected(&self, panel: Panel) -> usize {
        match panel {
            Panel::Jobs | Panel::Curve => self.job,
            Panel::Best => self.best,
            Panel::Finished => self.finished,
        }
    }

    /// Handles a key, and returns true if it leaves the dashboard.
    pub fn press(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::PageDown => self.step(10),
            KeyCode::PageUp => self.step(-10),
            KeyCode::Home | KeyCode::Char('g') => self.step(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.step(isize::MAX),
            KeyCode::Tab => self.panel = self.panel.next(),
            KeyCode::BackTab => self.panel = self.panel.next().next().next(),
            _ => {}
        }
        false
    }

    /// Selects the row so many rows below in the active panel's list, or the last or first one.
    fn step(&mut self, by: isize) {
        let (at, rows) = match self.panel {
            Panel::Jobs | Panel::Curve => (&mut self.job, self.snapshot.open().len()),
            Panel::Best => (&mut self.best, self.snapshot.best.len()),
            Panel::Finished => (&mut self.finished, self.snapshot.finished.len()),
        };
        *at = at.saturating_add_signed(by).min(rows.saturating_sub(1));
    }
}

impl Panel {
    fn next(self) -> Self {
        match self {
            Self::Jobs => Self::Curve,
            Self::Curve => Self::Best,
            Self::Best => Self::Finished,
            Self::Finished => Self::Jobs,
        }
    }
}
