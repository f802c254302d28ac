//! Parts of a page that are folded away.

use maud::{Markup, html};

use crate::report::data::{ColumnReport, ExperimentReport};

/// A part for each column that has content, under one introduction: open if they are few. `None` if
/// no column has any.
pub(super) fn columns(
    experiment: &ExperimentReport,
    introduction: &str,
    content: impl Fn(&ColumnReport) -> Option<Markup>,
) -> Option<Markup> {
    let parts: Vec<_> =
        experiment.columns.iter().filter_map(|column| Some((column.name(), content(column)?))).collect();
    let open = parts.len() <= 2;
    parts.first()?;
    Some(html! {
        p { (introduction) }
        @for (name, content) in &parts {
            details open[open] {
                summary { (name) }
                (content)
            }
        }
    })
}
