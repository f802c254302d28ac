//! Tables as HTML.

use maud::{Markup, html};

use crate::rank::Rank;
use crate::section::{Field, Section};

/// The least number of rows of a table that is worth sorting.
const LONG: usize = 10;

/// The grid of a section, with footnotes and remarks below it.
pub(super) fn grid(section: &Section) -> Markup {
    html! { (table(section, false)) (below(section)) }
}

/// Creates a table from plain text; the first `words` columns are words.
pub(super) fn plain(name: &str, words: usize, head: &[&str], rows: Vec<Vec<String>>) -> Markup {
    grid(&of_text(name, words, head, rows))
}

/// As [`plain`], for rows without an order of their own: if they are many, the reader can sort them.
pub(super) fn long(name: &str, words: usize, head: &[&str], rows: Vec<Vec<String>>) -> Markup {
    let sortable = rows.len() >= LONG;
    table(&of_text(name, words, head, rows), sortable)
}

/// A value whose interval and what follows are set small.
pub(super) fn value(text: &str) -> Markup {
    with_marks(text, None, None)
}

/// A value with its mark and the number of its footnote, then its interval.
fn with_marks(text: &str, mark: Option<Rank>, note: Option<usize>) -> Markup {
    let (value, rest) = text.split_once(" [").map_or((text, None), |(value, rest)| (value, Some(rest)));
    html! {
        @match mark {
            Some(Rank::Best) => strong title="best" { (value) },
            Some(Rank::Second) => span.second title="second best" { (value) },
            None => (value),
        }
        @if let Some(note) = note { sup { (note) } }
        @if let Some(rest) = rest { " " small { "[" (rest) } }
    }
}

fn of_text(name: &str, words: usize, head: &[&str], rows: Vec<Vec<String>>) -> Section {
    let rows = rows.into_iter().map(|row| row.into_iter().map(Field::from).collect()).collect();
    Section::new(name, words, head, rows)
}

fn table(section: &Section, sortable: bool) -> Markup {
    let footnotes = section.footnotes();
    html! {
        div.wide tabindex="0" role="region" aria-label=(section.heading) {
            table.sortable[sortable] {
                caption.hidden { (section.heading) }
                thead { tr {
                    @for (at, head) in section.head.iter().enumerate() {
                        th scope="col" class=[(at >= section.words).then_some("number")] { (head) }
                    }
                } }
                tbody {
                    @for row in &section.rows {
                        tr { @for (at, field) in row.iter().enumerate() { (cell(field, footnotes.number(field), at, section.words)) } }
                    }
                }
            }
        }
    }
}

fn below(section: &Section) -> Markup {
    html! {
        @for (nth, footnote) in section.footnotes().0.iter().enumerate() { p.note { sup { (nth + 1) } " " (footnote) } }
        @for remark in &section.remarks { p.note { (remark) } }
    }
}

fn cell(field: &Field, note: Option<usize>, at: usize, words: usize) -> Markup {
    let text = with_marks(&field.text, field.mark, note);
    html! {
        @if at == 0 { th scope="row" { (text) } }
        @else if at < words { td { (text) } }
        @else { td.number { (text) } }
    }
}
