//! All rows: what they gain and cost.

use std::fmt::Write;

use super::answers::answer;
use super::numbers::{head, points, signed, with_ends};
use crate::evidence::findings::{FGG, Findings, Of, SHOWN};

pub fn gains(findings: &Findings) -> String {
    let columns = ["test, points", "shifted, points", "models", "epochs", "evaluations"];
    let mut text = format!(
        "## What each method gains and costs\n\n\
         Gain over `GS (best)`, mean over sets, networks and seeds, with intervals of 95 %, not corrected for\n\
         the number of rows. Models: how many are in the row. Epochs of training, and evaluations of a\n\
         validation image, are those of a row that is run alone, for one network, mean over sets.\n\n{}",
        head("row", &columns)
    );
    let soups = &findings.soups;
    for method in soups.gains.methods() {
        let gains = on_both(findings, "GS (best)", method);
        let cost = |key| soups.cost(method, key).map_or("–".to_owned(), |mean| format!("{mean:.0}"));
        let models = soups.mean_of_cells(method, None, |cell| cell["models"].as_f64());
        let models = models.map_or("–".to_owned(), |models| format!("{models:.1}"));
        let (epochs, images) = (cost("training_epochs"), cost("validation_images"));
        let _ = writeln!(text, "| {method} | {gains} | {models} | {epochs} | {images} |");
    }
    text
}

/// The gains of a row over another on test and on shifted images, as two cells.
fn on_both(findings: &Findings, baseline: &str, method: &str) -> String {
    ["test", "shifted"].map(|on| with_ends(findings.over(baseline, Of::row(method, on)), points)).join(" | ")
}

/// What averaging adds to the best model of the same pool.
pub fn pools(findings: &Findings) -> String {
    let mut text = format!(
        "## What does averaging add?\n\n\
         Gains over the best single model of the same pool, so that both rows cost the same training. In\n\
         points, with intervals of 95 %.\n\n{}",
        head("row", &["over", "test", "shifted"])
    );
    let pools: [(&str, &[&str]); 3] = [
        ("GS (best)", &["Greedy", "Pruned", "Learned by layer", "Uniform", "Ensemble"]),
        ("FGG (best)", &["FGG greedy", "GoG", "GoU", "FGG uniform", "FGG ensemble"]),
        ("FGG minimal (best)", &["GoG minimal", "GoU minimal", "FGG minimal ensemble"]),
    ];
    for (best, rows) in pools {
        for method in rows {
            let _ = writeln!(text, "| {method} | {best} | {} |", on_both(findings, best, method));
        }
    }
    text
}

/// FGG beside the grid search.
pub fn fgg(findings: &Findings) -> String {
    let mut text = format!(
        "## Fast Geometric Generation beside the grid search\n\n\
         Training epochs as a share of those of the grid search, and gains over its best model in points,\n\
         with intervals of 95 %. FGG has heavy augmentation as in the paper; rows with `minimal` have\n\
         minimal augmentation, and HS (Aug@top) has both.\n\n{}",
        shares(findings, &[&FGG[..], &["Greedy", "Ensemble"]].concat())
    );
    let columns = head("row", &["answer over GS (best)", "over Greedy", "over Uniform"]);
    let _ = write!(text, "\nThe same rows on test images, and beside soups of the grid search:\n\n{columns}");
    for method in FGG {
        let of = Of::row(method, "test");
        let answer = findings.over("GS (best)", of).map_or("–", answer);
        let [greedy, uniform] =
            ["Greedy", "Uniform"].map(|other| with_ends(findings.over(other, of), points));
        let _ = writeln!(text, "| {method} | {answer} | {greedy} | {uniform} |");
    }
    text
}

/// The share of the grid search's epochs that rows cost, and their gains.
pub fn shares(findings: &Findings, rows: &[&str]) -> String {
    let epochs = |method| findings.soups.cost(method, "training_epochs");
    let grid = epochs("GS (best)");
    let mut text = head("row", &["epochs", "test", "shifted"]);
    for &method in rows {
        let share = epochs(method).zip(grid).map(|(of, grid)| format!("{:.0} %", 100.0 * of / grid));
        let (share, gains) = (share.unwrap_or("–".to_owned()), on_both(findings, "GS (best)", method));
        let _ = writeln!(text, "| {method} | {share} | {gains} |");
    }
    text
}

pub fn networks(findings: &Findings) -> String {
    let gains = &findings.soups.gains;
    let networks = gains.networks();
    let columns: Vec<String> =
        networks.iter().flat_map(|name| ["test", "shifted"].map(|on| format!("{name}, {on}"))).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut text = format!(
        "## By network\n\nGain over `GS (best)` in points, with intervals of 95 %.\n\n{}",
        head("row", &columns)
    );
    for method in gains.methods().into_iter().filter(|method| SHOWN.contains(method)) {
        let of = |network, on| gains.mean(Of { method, network: Some(network), on, metric: None });
        let cells = networks.iter().flat_map(|network| ["test", "shifted"].map(|on| of(network, on)));
        let cells: Vec<String> = cells.map(|mean| with_ends(mean, points)).collect();
        let _ = writeln!(text, "| {method} | {} |", cells.join(" | "));
    }
    text
}

/// Log loss and calibration error, and AUROC.
pub fn calibration(findings: &Findings) -> String {
    let columns = ["calibration error, test", "shifted", "log loss, test", "AUROC, points, test"];
    let mut text = format!(
        "## Are soups better calibrated?\n\n\
         Gain over `GS (best)` with intervals of 95 %: of expected calibration error and log loss, a positive\n\
         number is a lower error. No model was calibrated on validation images.\n\n{}",
        head("row", &columns)
    );
    let gains = &findings.soups.gains;
    for method in gains.methods().into_iter().filter(|method| SHOWN.contains(method)) {
        let of = |on, metric| gains.mean(Of { method, network: None, on, metric: Some(metric) });
        let cells = [
            with_ends(of("test", "calibration"), signed),
            with_ends(of("shifted", "calibration"), signed),
            with_ends(of("test", "log-loss"), signed),
            with_ends(of("test", "auroc"), points),
        ];
        let _ = writeln!(text, "| {method} | {} |", cells.join(" | "));
    }
    text
}
