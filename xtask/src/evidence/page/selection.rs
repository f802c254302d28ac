//! What selection did: how many models it took, what was forecast, how optimistic its scores are.

use std::fmt::Write;

use serde_json::Value;

use super::numbers::{head, points, with_ends};
use crate::evidence::findings::{Findings, Of, array};

/// The rows that were chosen by validation images.
const OPTIMISTIC: [&str; 11] = [
    "GS (best)",
    "EMA (best)",
    "Greedy",
    "Greedy, one SE",
    "Pruned",
    "Learned by layer",
    "Learned by model",
    "FGG (best)",
    "GoG",
    "FGG minimal (best)",
    "GoG minimal",
];

/// How often a selection took one model.
pub fn kept(findings: &Findings) -> String {
    let soups = &findings.soups;
    let networks = soups.gains.networks();
    let mut text = format!(
        "## How often one model is taken\n\nShare of sets and seeds in which the row is one model.\n\n{}",
        head("row", &networks)
    );
    for method in [
        "Greedy",
        "Greedy, BN averaged",
        "Greedy, one SE",
        "Greedy by log loss",
        "Pruned",
        "GoG",
        "GoG, BN averaged",
        "GoG minimal",
        "HS (Aug@top)",
    ] {
        let shares = networks.iter().map(|network| {
            let one = |cell: &Value| Some(f64::from(u8::from(cell["models"].as_u64()? == 1)));
            let share = soups.mean_of_cells(method, Some(network), one);
            share.map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share))
        });
        let _ = writeln!(text, "| {method} | {} |", shares.collect::<Vec<_>>().join(" | "));
    }
    text
}

/// Whether the forecast of what averages held.
pub fn foreseen(findings: &Findings) -> String {
    let soups = &findings.soups;
    let mut text = String::from(
        "## Did the forecast hold?\n\n\
         The forecast calls a model worth trying by its barrier to the best one. Of those and of the others,\n\
         the share that the selection then took; the best model and the first one of a soup are not counted.\n\n\
         | row | network | worth trying, taken | others, taken |\n\
         |---|---|---:|---:|\n",
    );
    for method in ["Greedy", "Pruned", "FGG greedy", "GoG", "GoG minimal"] {
        for network in soups.gains.networks() {
            let mut sums = [[0.0; 2]; 2];
            for cell in soups.cells(method, Some(network)) {
                for (sum, of) in sums.iter_mut().zip(array(&cell["foreseen"])) {
                    sum.iter_mut().zip(array(of)).for_each(|(sum, of)| *sum += of.as_f64().unwrap_or(0.0));
                }
            }
            let share = |[taken, left]: [f64; 2]| match taken + left {
                0.0 => "–".to_owned(),
                all => format!("{:.0} % of {all}", 100.0 * taken / all),
            };
            let _ = writeln!(text, "| {method} | {network} | {} | {} |", share(sums[0]), share(sums[1]));
        }
    }
    text
}

/// Validation scores less test scores.
pub fn optimism(findings: &Findings) -> String {
    let soups = &findings.soups;
    let mut text = format!(
        "## Are cross-fitted scores nearer to test?\n\n\
         Validation score less test score in points, mean over sets, networks and seeds: of the apparent\n\
         score, by the images that chose, and of the cross-fitted one. The distance is the mean without sign.\n\n{}",
        head("row", &["apparent", "cross-fitted", "distance, apparent", "distance, cross-fitted"])
    );
    for method in OPTIMISTIC {
        let less = |key: &str, of: fn(f64) -> f64| {
            let less = |cell: &Value| Some(of(cell[key].as_f64()? - cell["test"]["value"].as_f64()?));
            points(soups.mean_of_cells(method, None, less))
        };
        let [apparent, fitted] = ["validation", "cross_fitted"].map(|key| less(key, |less| less));
        let [far, near] =
            ["validation", "cross_fitted"].map(|key| less(key, f64::abs).trim_start_matches('+').to_owned());
        let _ = writeln!(text, "| {method} | {apparent} | {fitted} | {far} | {near} |");
    }
    text
}

/// How much of the ensemble's gain each soup reaches.
pub fn ceiling(findings: &Findings) -> String {
    let gains = &findings.soups.gains;
    let mut text = String::from(
        "## The ensemble as the ceiling\n\n\
         Gain of the ensemble of all models over `GS (best)` in points, with intervals of 95 %, and the share\n\
         of it that soups of these models reach; a dash where the interval is not above 0.\n\n\
         | ensemble | images | gain | reached |\n|---|---|---:|---|\n",
    );
    let grid = ["Uniform", "Greedy", "Pruned", "Learned by layer", "Learned by model", "Fisher"];
    for (ensemble, soups) in [
        ("Ensemble", &grid[..]),
        ("FGG ensemble", &["FGG uniform", "FGG greedy", "GoU", "GoG"]),
        ("FGG minimal ensemble", &["GoU minimal", "GoG minimal"]),
    ] {
        for on in ["test", "shifted"] {
            let Some(mean) = gains.mean(Of::row(ensemble, on)) else { continue };
            let ceiling = mean["value"].as_f64().unwrap_or(0.0);
            let shares = soups.iter().filter_map(|soup| {
                let of = gains.mean(Of::row(soup, on))?["value"].as_f64()?;
                Some(format!("{soup} {:.0} %", 100.0 * of / ceiling).replace('-', "−"))
            });
            let above = mean["interval"]["low"].as_f64().is_some_and(|low| low > 0.0);
            let reached = if above { shares.collect::<Vec<_>>().join(", ") } else { "–".to_owned() };
            let gain = with_ends(Some(mean), points);
            let _ = writeln!(text, "| {ensemble} | {on} | {gain} | {reached} |");
        }
    }
    text
}
