//! Collapsible parts of the page.

use maud::{Markup, html};

use crate::report::data::{ColumnReport, ExperimentReport};

/// Creates a collapsible part for each column with content, after a common introduction.
///
/// Up to two parts are open. Returns `None` if no column has content.
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
