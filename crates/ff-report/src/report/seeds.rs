//! The summary of an experiment over seeds.

use ff_eval::{PairedDifference, Shown};
use maud::{Markup, html};

use crate::format::{self, NOTHING};
use crate::report::comparison::verdict;
use crate::report::grid;
use crate::seeds::SeedTable;

pub(super) fn summary(table: &SeedTable) -> Markup {
    let Some(baseline) = table.baseline() else {
        return html! { p { "No row is the baseline, so there is no comparison." } };
    };
    let others = table.rows().iter().filter(|row| row.method != baseline.method);
    let rows = others.flat_map(|row| {
        table.columns().iter().enumerate().map(move |(at, column)| {
            let mean = row.cells[at].test().map_or(NOTHING.to_owned(), |of| match of.sd {
                Some(sd) => format!("{} ± {}", format::value(of.mean), format::value(sd)),
                None => format::value(of.mean),
            });
            let (difference, said) = match row.cells[at].difference(&baseline.cells[at]) {
                None => (NOTHING.to_owned(), "no pair of runs yet"),
                Some(of) => paired(&of),
            };
            let name = format!("{}, {} ({})", column.dataset, column.backbone, column.metric.title());
            vec![name, row.method.clone(), mean, difference, said.to_owned()]
        })
    });
    let rows: Vec<_> = rows.collect();
    let count = |word: &str| rows.iter().filter(|row| row[4] == word).count();
    let head = ["Dataset", "Method", "Test, mean ± sd", "Difference and interval", "Verdict"];
    html! {
        p {
            "Compared with " (baseline.method) ", run with the same seeds: of " (rows.len()) " comparisons, "
            (count("better")) " are better, " (count("worse")) " are worse, and "
            (rows.len() - count("better") - count("worse")) " show no difference."
        }
        (grid::plain("Methods compared with the baseline", 2, &head, rows))
        p.note {
            "Differences are paired by seed, with a 95 % interval by Student's t. It covers the variation between seeds on \
             these test images, not that between images. A single seed has no interval, so it shows no difference."
        }
    }
}

fn paired(of: &PairedDifference) -> (String, &'static str) {
    let value = format::difference(of.mean);
    match of.interval {
        None => (format!("{value} (one pair)"), verdict(Shown::Neither)),
        Some(ends) => {
            let said = verdict(Shown::by(ends.low, ends.high));
            (format!("{value} [{}, {}]", format::value(ends.low), format::value(ends.high)), said)
        }
    }
}
