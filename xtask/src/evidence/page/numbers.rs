//! Numbers as the page shows them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::evidence::records::Record;

/// A number in points, hundredths of the metric.
pub fn points(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{:+.1}", 100.0 * value).replace('-', "−"))
}

/// A number as it is, with its sign.
pub fn signed(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:+.3}").replace('-', "−"))
}

/// An estimate with its interval; a dash without one.
pub fn with_ends(mean: Option<&Value>, number: fn(Option<f64>) -> String) -> String {
    mean.map_or("–".to_owned(), |mean| format!("{} {}", number(mean["value"].as_f64()), ends(mean, number)))
}

/// The interval of an estimate.
pub fn ends(mean: &Value, number: fn(Option<f64>) -> String) -> String {
    let [low, high] = ["low", "high"].map(|end| number(mean["interval"][end].as_f64()));
    format!("[{low}, {high}]")
}

/// The number of seeds that are on record, by set.
pub fn seeds(records: &[Record]) -> String {
    let mut seeds: BTreeMap<&str, usize> = BTreeMap::new();
    records.iter().for_each(|of| *seeds.entry(&of.set).or_default() += 1);
    let counts: Vec<String> = seeds.iter().map(|(set, count)| format!("`{set}` {count}")).collect();
    // A line each, as they may be many; Markdown joins them.
    counts.join(",\n")
}

/// The head of a table whose first column has text, and all others numbers.
pub fn head(first: &str, others: &[&str]) -> String {
    format!("| {first} | {} |\n|---|{}\n", others.join(" | "), "---:|".repeat(others.len()))
}
