//! The parts that people read, before they are written as Markdown or LaTeX.

use std::collections::BTreeSet;

use ff_eval::{Interval, Score};

use crate::format::{self, NOTHING};
use crate::rank::Rank;

/// A grid with a heading above it and sentences below.
pub(crate) struct Section {
    pub heading: String,
    pub head: Vec<String>,
    /// The first columns are words and stand left, the others numbers and stand right.
    pub words: usize,
    pub rows: Vec<Vec<Field>>,
    /// Referred to by [`Field::note`], which counts from 1.
    pub footnotes: Vec<String>,
    /// About the grid as a whole.
    pub remarks: Vec<String>,
}

/// What stands in one place of a grid.
#[derive(Default)]
pub(crate) struct Field {
    pub text: String,
    pub mark: Option<Rank>,
    pub note: Option<usize>,
}

impl From<&str> for Field {
    fn from(text: &str) -> Field {
        Field::from(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Field {
        Field { text, ..Field::default() }
    }
}

impl Section {
    pub fn new(heading: String, words: usize, head: Vec<String>) -> Section {
        Section { heading, head, words, rows: Vec::new(), footnotes: Vec::new(), remarks: Vec::new() }
    }

    /// A field and why it is as it is, empty if there is nothing to say; the same reason has the same number.
    pub fn field(&mut self, text: Option<String>, mark: Option<Rank>, reason: &str) -> Field {
        let note = (!reason.is_empty()).then(|| {
            let known = self.footnotes.iter().position(|footnote| footnote == reason);
            known.unwrap_or_else(|| {
                self.footnotes.push(reason.to_owned());
                self.footnotes.len() - 1
            }) + 1
        });
        Field { text: text.unwrap_or_else(|| NOTHING.to_owned()), mark, note }
    }
}

/// The parts that have content.
pub(crate) fn with_content(sections: impl Iterator<Item = Section>) -> Vec<Section> {
    sections.filter(|section| !section.rows.is_empty() && section.head.len() > 1).collect()
}

/// The names without repetition, in the order in which they first come.
pub(crate) fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut distinct = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// What the bootstrap intervals in a section are, one remark per kind.
pub(crate) fn about_intervals<'a>(scores: impl Iterator<Item = &'a Score>) -> Vec<String> {
    let kind = |score: &Score| {
        let Interval { level, resamples, .. } = score.interval?;
        Some((score.groups.is_some(), format!("{:.0} %", level * 100.0), resamples))
    };
    let kinds: BTreeSet<_> = scores.filter_map(kind).collect();
    let say = |(grouped, level, resamples)| {
        let of = match grouped {
            true => "groups (patients) of the test samples, each with all its samples",
            false => "test samples",
        };
        format!(
            "Intervals hold {level} of {} bootstrap resamples of the {of}.",
            format::count(resamples as u64)
        )
    };
    kinds.into_iter().map(say).collect()
}
