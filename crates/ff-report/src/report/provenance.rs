//! The provenance of results, and the commands that reproduce them.

use itertools::Itertools;
use maud::{Markup, html};

use crate::report::data::ExperimentReport;
use crate::report::grid;

pub(super) fn section(experiment: &ExperimentReport) -> Markup {
    let origin = &experiment.origin;
    let jobs = origin.jobs.iter().map(|job| job.to_vec()).collect();
    html! {
        dl {
            @for (name, values) in &origin.facts {
                dt { (name) }
                @for value in values { dd { (value) } }
            }
        }
        @if !experiment.progress.is_empty() {
            p {
                "Finished jobs: "
                (experiment.progress.iter().map(|of| format!("{} {}/{}", of.kind, of.done, of.jobs)).join(", "))
                "."
            }
        }
        details {
            summary { "All finished jobs (" (origin.jobs.len()) ")" }
            (grid::long("Jobs", 4, &["Kind", "Job", "Identity", "Digest of the weights", "Seconds"], jobs))
        }
        details { summary { "Resolved configuration" } pre tabindex="0" { code { (origin.config) } } }
        h3 { "Commands to reproduce the results" }
        pre tabindex="0" { code { @for command in &origin.commands { (command) "\n" } } }
    }
}
