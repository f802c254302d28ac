//! Sections of a table, which are written as Markdown, LaTeX or HTML.

use std::collections::BTreeSet;

use ff_eval::{Interval, Score};
use itertools::Itertools;

use crate::format::{self, NOTHING};
use crate::rank::Rank;

/// Explains the row of [`Section::chance`].
const CHANCE: &str = "Chance: the best that a model reaches which gives the same answer for every image.";

/// Explains the mark of [`format::marked`].
const COLLAPSED: &str = "†: the model predicts one class for all images, and gets no mark of the best.";

/// A grid with a heading above it and remarks below.
pub(crate) struct Section {
    pub heading: String,
    pub head: Vec<String>,
    /// The number of leading columns of words, aligned left; the others are numbers, aligned right.
    pub words: usize,
    pub rows: Vec<Vec<Field>>,
    /// Sentences about the whole grid.
    pub remarks: Vec<String>,
}

/// A field of a grid.
#[derive(Default)]
pub(crate) struct Field {
    pub text: String,
    pub mark: Option<Rank>,
    /// A note on the field, written as a footnote; may be empty.
    pub reason: String,
}

/// The distinct notes on a section's fields, numbered from 1.
pub(crate) struct Footnotes<'a>(pub Vec<&'a str>);

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

impl From<Option<String>> for Field {
    fn from(text: Option<String>) -> Field {
        Field::from(text.unwrap_or_else(|| NOTHING.to_owned()))
    }
}

impl Field {
    /// Creates a field with a note.
    pub fn because(text: Option<String>, reason: String) -> Field {
        Field { reason, ..Field::from(text) }
    }
}

impl Section {
    /// Creates a section of rows, whose first `words` columns are words.
    pub fn new(heading: impl Into<String>, words: usize, head: &[&str], rows: Vec<Vec<Field>>) -> Section {
        let head = head.iter().map(|&head| head.to_owned()).collect();
        Section { heading: heading.into(), head, words, rows, remarks: Vec::new() }
    }

    /// Creates a section with a row for each method; each column has a title and a field for each.
    pub fn of_methods<'a>(
        heading: String,
        methods: impl Iterator<Item = &'a str>,
        columns: impl IntoIterator<Item = (String, Vec<Field>)>,
    ) -> Section {
        let rows = methods.map(|method| vec![Field::from(method)]).collect();
        let mut section = Section::new(heading, 1, &["Method"], rows);
        for (title, fields) in columns {
            section.head.push(title);
            section.rows.iter_mut().zip(fields).for_each(|(row, field)| row.push(field));
        }
        section
    }

    /// Creates a section that compares our values with the paper's.
    pub fn beside_paper(backbone: &str, rows: Vec<Vec<Field>>) -> Section {
        let head = ["Dataset", "Method", "Ours", "Paper", "Difference"];
        Section::new(format!("Comparison with the paper: {backbone}"), 2, &head, rows)
    }

    /// Adds a remark.
    pub fn remark(mut self, remark: impl Into<String>) -> Section {
        self.remarks.push(remark.into());
        self
    }

    /// Adds remarks.
    pub fn remarks(mut self, remarks: impl IntoIterator<Item = impl Into<String>>) -> Section {
        self.remarks.extend(remarks.into_iter().map(Into::into));
        self
    }

    /// Adds a row of chance levels after those of methods, if one is known.
    pub fn chance(mut self, levels: impl Iterator<Item = Option<f64>>) -> Section {
        let levels: Vec<_> = levels.collect();
        if levels.iter().any(Option::is_some) {
            let fields = levels.into_iter().map(|level| Field::from(level.map(format::value)));
            self.rows.push([Field::from("Chance")].into_iter().chain(fields).collect());
            self.remarks.push(CHANCE.to_owned());
        }
        self
    }

    /// Explains the mark of collapsed models, if a field has it.
    pub fn about_collapsed(mut self) -> Section {
        if self.rows.iter().flatten().any(|field| field.text.contains(format::COLLAPSED)) {
            self.remarks.push(COLLAPSED.to_owned());
        }
        self
    }

    /// The notes on its fields, in the order of the fields.
    pub fn footnotes(&self) -> Footnotes<'_> {
        let reasons = self.rows.iter().flatten().map(|field| field.reason.as_str());
        Footnotes(reasons.filter(|reason| !reason.is_empty()).unique().collect())
    }
}

/// Adds marks to the fields of a column.
pub(crate) fn marked(fields: impl Iterator<Item = Field>, marks: Vec<Option<Rank>>) -> Vec<Field> {
    fields.zip(marks).map(|(field, mark)| Field { mark, ..field }).collect()
}

impl Footnotes<'_> {
    /// The number of a field's footnote, if it has one.
    pub fn number(&self, field: &Field) -> Option<usize> {
        self.0.iter().position(|footnote| *footnote == field.reason).map(|at| at + 1)
    }
}

/// The sections with at least one row and one column besides the first.
pub(crate) fn with_content(sections: impl Iterator<Item = Section>) -> Vec<Section> {
    sections.filter(|section| !section.rows.is_empty() && section.head.len() > 1).collect()
}

/// Explains the bootstrap intervals in a section, with one remark for each kind.
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
            "Intervals contain {level} of {} bootstrap resamples of the {of}.",
            format::count(resamples as u64)
        )
    };
    kinds.into_iter().map(say).collect()
}
