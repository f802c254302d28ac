//! The primary comparison, over all sets and in each.

use std::fmt::Write;

use serde_json::Value;

use super::by_set;
use super::numbers::{ends, points};
use crate::evidence::findings::{FGG, Findings, Of, array};

/// The largest gain or loss that does not matter, in the metric's unit.
const MATTERS: f64 = 0.01;

pub fn primary(findings: &Findings) -> String {
    let mut text = String::from(
        "## Is the soup better than the best single model?\n\n\
         Gain of the row over `GS (best)`, in points (hundredths of the metric). Intervals are of 98.75 %, so\n\
         that the four of `delivered`, the primary comparison, hold together with 95 %. With so few\n\
         seeds and sets they tend to be too narrow.\n\n\
         | row | images | metric | gain | interval | sets with a gain | answer |\n\
         |---|---|---|---:|---:|---:|---|\n",
    );
    for method in ["delivered", "recommended"] {
        for on in ["test", "shifted"] {
            for (metric, name) in [(None, "the set's own"), (Some("auroc"), "macro AUROC")] {
                let gain = findings.primary.of(Of { method, network: None, on, metric });
                let Some(gain) = gain else { continue };
                let (above, sets) = above(gain);
                let mean = &gain["mean"];
                let (value, ends) = (points(mean["value"].as_f64()), ends(mean, points));
                let _ = writeln!(
                    text,
                    "| {method} | {on} | {name} | {value} | {ends} | {above} of {sets} | {} |",
                    answer(mean)
                );
            }
        }
    }
    text + &taken(findings)
}

/// Which rows were delivered and recommended, and whether they are soups.
fn taken(findings: &Findings) -> String {
    let soups = &findings.soups;
    let delivered = soups.named(|column| &column["verdict"]["soup"]);
    let recommended = soups.named(|column| &column["recommended"]);
    let count = |rows: &[(&str, [&Value; 2])], of: fn(&str, [&Value; 2]) -> bool| {
        rows.iter().filter(|(name, cells)| of(name, *cells)).count()
    };
    let one = |_: &str, [cell, _]: [&Value; 2]| cell["models"] == 1;
    let equal = |_: &str, [cell, single]: [&Value; 2]| {
        cell["cross_fitted"].is_number() && cell["cross_fitted"] == single["cross_fitted"]
    };
    format!(
        "\nThe delivered soup is one model in {} of {} cases (sets, networks and seeds), and of models of FGG\n\
         in {}. In {} its cross-fitted score is equal to that of `GS (best)`. What is recommended is one\n\
         model in {} of {}, and `GS (best)` in {}.\n",
        count(&delivered, one),
        delivered.len(),
        count(&delivered, |name, _| FGG.contains(&name)),
        count(&delivered, equal),
        count(&recommended, one),
        recommended.len(),
        count(&recommended, |name, _| name == "GS (best)"),
    )
}

/// The gain of some rows in each set.
pub fn sets(findings: &Findings) -> String {
    let mut text = String::from(
        "## By set\n\n\
         Score of `GS (best)`, and gains in points, mean over networks and seeds. Intervals of 95 % resample\n\
         seeds and test images of the set. A set as released keeps equal images; it is shown here alone, and\n\
         is no part of the figures over sets.\n",
    );
    let shown = ["delivered", "recommended", "Uniform", "Greedy", "GoG", "GoG minimal", "Ensemble"];
    for (on, title) in [("test", "Test"), ("shifted", "Shifted")] {
        let table = by_set::table(&findings.soups.gains, on, "GS (best)", &shown);
        let _ = write!(text, "\n### {title}\n\n{table}");
    }
    text
}

/// In how many of the sets that count the gain is above 0.
fn above(gain: &Value) -> (usize, usize) {
    let sets = array(&gain["datasets"]).iter().filter(|of| of["counted"] == true);
    let above = sets.clone().filter(|of| of["gain"]["value"].as_f64().is_some_and(|gain| gain > 0.0));
    (above.count(), sets.count())
}

/// The answer that the protocol gives for a gain with its interval.
pub fn answer(mean: &Value) -> &'static str {
    let [low, high] = ["low", "high"].map(|end| mean["interval"][end].as_f64().unwrap_or(f64::NAN));
    if low > 0.0 {
        "the row is better"
    } else if high < 0.0 {
        "the row is worse"
    } else if low > -MATTERS && high < MATTERS {
        "no difference that matters"
    } else {
        "cannot be told on these sets"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_follow_the_protocol() {
        let of = |low: f64, high: f64| answer(&json!({ "interval": { "low": low, "high": high } }));
        assert_eq!(of(0.001, 0.03), "the row is better");
        assert_eq!(of(-0.03, -0.001), "the row is worse");
        assert_eq!(of(-0.009, 0.009), "no difference that matters");
        assert_eq!(of(-0.011, 0.009), "cannot be told on these sets");
        assert_eq!(answer(&Value::Null), "cannot be told on these sets");
    }

    #[test]
    fn sets_that_do_not_count_are_left_out() {
        let set = |counted: bool, gain: f64| json!({ "counted": counted, "gain": { "value": gain } });
        let gain = json!({ "datasets": [set(true, 0.1), set(true, 0.0), set(false, 0.2)] });
        assert_eq!(above(&gain), (1, 2));
    }
}
