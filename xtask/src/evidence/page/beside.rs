//! FissionFusion's own Table 1 beside what was found.

use std::fmt::Write;

use serde_json::Value;
use toml::Table;

use super::numbers::{head, points, with_ends};
use crate::evidence::findings::{Findings, Of, mean};

/// What is subtracted from what, by the names here and in the published table.
const DIFFERENCES: [([&str; 2], [&str; 2]); 4] = [
    (["Greedy", "GS (best)"], ["Greedy Soup", "GS (best)"]),
    (["FGG (best)", "GS (best)"], ["FGG (best)", "GS (best)"]),
    (["GoU", "FGG (best)"], ["GoU", "FGG (best)"]),
    (["GoG", "FGG (best)"], ["GoG", "FGG (best)"]),
];

pub fn table_1(findings: &Findings) -> String {
    let mut text = format!(
        "## FissionFusion's Table 1 beside it\n\n\
         The differences of rows in the paper's Table 1, mean over its five medical datasets and two\n\
         networks, one seed; and the same here, with intervals of 95 %. In points of each dataset's metric.\n\
         Equal: in how many cells both rows have the same score to four digits, so that selection took one\n\
         model.\n\n{}",
        head("difference", &["paper", "equal, paper", "here", "equal, here"])
    );
    for ([row, base], published) in DIFFERENCES {
        let pairs = pairs(&findings.published, published);
        let paper = points(mean(pairs.iter().map(|[row, base]| row - base)));
        let here = with_ends(findings.over(base, Of::row(row, "test")), points);
        let [equal_paper, equal_here] = [pairs, own_pairs(findings, [row, base])].map(|pairs| equal(&pairs));
        let _ = writeln!(text, "| {row} − {base} | {paper} | {equal_paper} | {here} | {equal_here} |");
    }
    text
}

/// The published scores of two rows in the medical columns.
fn pairs(published: &Table, methods: [&str; 2]) -> Vec<[f64; 2]> {
    let rows = published.get("row").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    let values = |backbone: &toml::Value, method: &str| {
        let of = |row: &&toml::Value| &row["backbone"] == backbone && row["method"].as_str() == Some(method);
        rows.iter().find(of).and_then(|row| row["values"].as_table())
    };
    let mut found = Vec::new();
    for backbone in published.get("backbones").and_then(toml::Value::as_array).into_iter().flatten() {
        let [Some(row), Some(base)] = methods.map(|method| values(&backbone["label"], method)) else {
            continue;
        };
        let medical = row.iter().filter(|(dataset, _)| !dataset.starts_with("CIFAR"));
        found.extend(
            medical.filter_map(|(dataset, of)| Some([of.as_float()?, base.get(dataset)?.as_float()?])),
        );
    }
    found
}

/// The test scores of two rows here, in all cells.
fn own_pairs(findings: &Findings, methods: [&str; 2]) -> Vec<[f64; 2]> {
    let score = |cell: &&Value| cell["test"]["value"].as_f64().unwrap_or(f64::NAN);
    let [row, base] = methods.map(|method| findings.soups.cells(method, None));
    row.iter().map(score).zip(base.iter().map(score)).map(|(row, base)| [row, base]).collect()
}

fn equal(pairs: &[[f64; 2]]) -> String {
    let equal = pairs.iter().filter(|[row, base]| (row - base).abs() < 5e-5).count();
    format!("{equal} of {}", pairs.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted by hand from the paper.
    #[test]
    fn published_differences_are_those_of_the_paper() {
        let published: Table =
            include_str!("../../../../crates/ff-report/published/fissionfusion.toml").parse().unwrap();
        let found = DIFFERENCES.map(|(_, methods)| {
            let pairs = pairs(&published, methods);
            (points(mean(pairs.iter().map(|[row, base]| row - base))), equal(&pairs))
        });
        let expected = [("+0.0", "6 of 10"), ("+1.6", "0 of 10"), ("−1.1", "0 of 10"), ("+0.0", "5 of 10")];
        assert_eq!(found, expected.map(|(mean, equal)| (mean.to_owned(), equal.to_owned())));
    }
}
