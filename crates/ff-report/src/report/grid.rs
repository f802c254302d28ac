//! Tables as HTML.

use maud::{Markup, html};

use crate::rank::Rank;
use crate::section::{Field, Section};

/// A section of a table, with its heading.
pub(super) fn section(section: &Section) -> Markup {
    html! {
        h4 { (section.heading) }
        (grid(section))
    }
}

/// The grid of a section, with footnotes and remarks below it.
pub(super) fn grid(section: &Section) -> Markup {
    let footnotes = section.footnotes();
    html! {
        div.wide tabindex="0" role="region" aria-label=(section.heading) {
            table.sortable {
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
        @for (nth, footnote) in footnotes.0.iter().enumerate() {
            p.note { sup { (nth + 1) } " " (footnote) }
        }
        @for remark in &section.remarks { p.note { (remark) } }
    }
}

fn cell(field: &Field, note: Option<usize>, at: usize, words: usize) -> Markup {
    let text = html! {
        @match field.mark {
            Some(Rank::Best) => strong title="best" { (field.text) },
            Some(Rank::Second) => span.second title="second best" { (field.text) },
            None => (field.text),
        }
        @if let Some(note) = note { sup { (note) } }
    };
    html! {
        @if at == 0 { th scope="row" { (text) } }
        @else if at < words { td { (text) } }
        @else { td.number { (text) } }
    }
}

/// Creates a table from plain text; the first `words` columns are words.
pub(super) fn plain(name: &str, words: usize, head: &[&str], rows: Vec<Vec<String>>) -> Markup {
    let rows = rows.into_iter().map(|row| row.into_iter().map(Field::from).collect()).collect();
    grid(&Section::new(name, words, head, rows))
}
