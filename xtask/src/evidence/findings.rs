//! Gains and tables, as the page asks for them.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::configs::Study;
use super::records::{self, QUANTITIES, Record};
use super::sets::AS_RELEASED;
use crate::workspace::Workspace;

/// The rows that the figure and the smaller tables show.
pub const SHOWN: [&str; 13] = [
    "delivered",
    "recommended",
    "Uniform",
    "Greedy",
    "Greedy, BN averaged",
    "Learned by layer",
    "EMA (best)",
    "Ensemble",
    "FGG (best)",
    "GoG",
    "FGG minimal (best)",
    "GoG minimal",
    "FGG minimal ensemble",
];

/// The rows of FGG.
pub const FGG: [&str; 12] = [
    "FGG (best)",
    "GoU",
    "GoG",
    "GoG, BN averaged",
    "FGG greedy",
    "FGG uniform",
    "FGG ensemble",
    "FGG minimal (best)",
    "GoU minimal",
    "GoG minimal",
    "FGG minimal ensemble",
    "HS (Aug@top)",
];

/// What the page is written from.
pub struct Findings {
    /// The name of the page.
    pub name: String,
    pub soups: Part,
    /// The primary comparison, with the intervals that hold together.
    pub primary: Gains,
    /// The rows of FGG compared with others than the baseline.
    over: Vec<Gains>,
    /// `None` without records.
    pub inmerge: Option<Part>,
    /// FissionFusion's published tables.
    pub published: toml::Table,
}

/// The records of a study, and the gains over its baseline.
pub struct Part {
    pub gains: Gains,
    pub records: Vec<Record>,
}

/// What `ff-eval gains` found.
pub struct Gains(Value);

impl Findings {
    /// Reads the records of both studies, compares rows, and draws the figure.
    pub fn read(
        workspace: &Workspace,
        measurements: &Path,
        soups: &Study,
        inmerge: Option<&Study>,
    ) -> Result<Self> {
        let records = records::read(soups, measurements)?;
        ensure!(!records.is_empty(), "no records of {} in {}", soups.name, measurements.display());
        let docs = workspace.root().join("docs");
        let figure = docs.join(format!("figures/{}.svg", soups.name));
        let figure = figure.to_str().context("a path that is not UTF-8")?;
        let of = |baseline: &str, arguments: &[&str]| gains(workspace, &records, baseline, arguments);
        let all = of(soups.baseline, &QUANTITIES)?;
        // A row may be missing: where no model tells images apart, nothing is delivered.
        let there = all.methods();
        let rows = |names: &[&'static str]| -> Vec<&str> {
            names.iter().filter(|name| there.contains(name)).flat_map(|name| ["--method", name]).collect()
        };
        of(soups.baseline, &[&["--figure", figure], &*rows(&SHOWN)].concat())?;
        let marked = rows(&["delivered", "recommended"]);
        let primary =
            of(soups.baseline, &[&marked, &["--metric", "auroc", "--level", "0.9875"][..]].concat())?;
        let others = ["FGG (best)", "FGG minimal (best)", "Greedy", "Uniform"];
        let others = others.into_iter().filter(|other| there.contains(other));
        let over = others.map(|other| of(other, &rows(&FGG))).collect::<Result<_>>()?;
        let soups_part = Part { gains: all, records };
        let of_study = |study: &Study| -> Result<Option<Part>> {
            let records = records::read(study, measurements)?;
            if records.is_empty() {
                return Ok(None);
            }
            Ok(Some(Part { gains: gains(workspace, &records, study.baseline, &QUANTITIES)?, records }))
        };
        let inmerge = inmerge.map(of_study).transpose()?.flatten();
        let published = workspace.root().join("crates/ff-report/published/fissionfusion.toml");
        let published = fs::read_to_string(&published).with_context(|| published.display().to_string())?;
        let (name, published) = (soups.name.clone(), published.parse()?);
        Ok(Self { name, soups: soups_part, primary, over, inmerge, published })
    }
}

impl Findings {
    /// The mean gain over a row; `None` if nothing was compared with it.
    pub fn over(&self, baseline: &str, of: Of<'_>) -> Option<&Value> {
        let mut all = std::iter::once(&self.soups.gains).chain(&self.over);
        all.find(|gains| gains.0["baseline"] == baseline)?.mean(of)
    }
}

/// Runs `ff-eval gains` on records.
fn gains(workspace: &Workspace, records: &[Record], baseline: &str, arguments: &[&str]) -> Result<Gains> {
    let mut eval = workspace.program("ff-eval");
    eval.arg("gains").args(records.iter().map(|record| OsStr::new(&record.scores)));
    eval.args(["--json", "--baseline", baseline]).args(arguments);
    for record in records.iter().filter(|record| record.set.ends_with(AS_RELEASED)) {
        eval.args(["--except", &record.set]);
    }
    let output = eval.stderr(Stdio::inherit()).output().context("cargo could not be started")?;
    ensure!(output.status.success(), "ff-eval gains failed");
    Ok(Gains(serde_json::from_slice(&output.stdout)?))
}

/// What a row gains.
#[derive(Clone, Copy)]
pub struct Of<'a> {
    pub method: &'a str,
    /// `None`: the mean over networks.
    pub network: Option<&'a str>,
    /// `test` or `shifted`.
    pub on: &'a str,
    /// `None`: each set's own.
    pub metric: Option<&'a str>,
}

impl<'a> Of<'a> {
    /// The mean over networks in each set's own metric.
    pub fn row(method: &'a str, on: &'a str) -> Self {
        Self { method, network: None, on, metric: None }
    }
}

impl Gains {
    /// Finds a gain.
    pub fn of(&self, of: Of<'_>) -> Option<&Value> {
        array(&self.0["gains"]).iter().find(|gain| {
            gain["method"] == of.method
                && gain["network"].as_str() == of.network
                && gain["on"] == of.on
                && gain["metric"].as_str() == of.metric
        })
    }

    /// Finds the mean over sets of a gain.
    pub fn mean(&self, of: Of<'_>) -> Option<&Value> {
        self.of(of).map(|gain| &gain["mean"])
    }

    /// All rows but the baseline, the greatest gain on test images first.
    pub fn methods(&self) -> Vec<&str> {
        let whole =
            |gain: &&Value| gain["network"].is_null() && gain["on"] == "test" && gain["metric"].is_null();
        let mut found: Vec<(f64, &str)> = array(&self.0["gains"])
            .iter()
            .filter(whole)
            .filter(|gain| gain["method"] != self.0["baseline"])
            .map(|gain| {
                let value = gain["mean"]["value"].as_f64().unwrap_or(f64::NEG_INFINITY);
                (value, gain["method"].as_str().unwrap_or_default())
            })
            .collect();
        found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        found.into_iter().map(|(_, method)| method).collect()
    }

    /// All networks.
    pub fn networks(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for name in array(&self.0["gains"]).iter().filter_map(|gain| gain["network"].as_str()) {
            if !found.contains(&name) {
                found.push(name);
            }
        }
        found
    }
}

impl Part {
    /// The tables of the sets that count.
    fn counted(&self) -> impl Iterator<Item = &Value> {
        self.records.iter().filter(|of| !of.set.ends_with(AS_RELEASED)).map(|of| &of.table)
    }

    /// The columns of these tables, each with its table and position.
    fn columns(&self) -> impl Iterator<Item = (&Value, &Value, usize)> {
        self.counted()
            .flat_map(|table| array(&table["columns"]).iter().zip(0..).map(move |(of, at)| (table, of, at)))
    }

    /// The cells of a row in all tables of the sets that count.
    pub fn cells(&self, method: &str, network: Option<&str>) -> Vec<&Value> {
        self.columns()
            .filter(|(_, column, _)| network.is_none_or(|network| column["backbone"] == network))
            .filter_map(|(table, _, at)| Some(&row(table, method)?["cells"][at]))
            .collect()
    }

    /// The rows that columns name, each with its cell and that of the best single model of the grid,
    /// in all tables of the sets that count.
    pub fn named(&self, of: impl Fn(&Value) -> &Value) -> Vec<(&str, [&Value; 2])> {
        let named = |(table, column, at)| {
            let name = of(column).as_str()?;
            Some((name, [&row(table, name)?["cells"][at], &row(table, "GS (best)")?["cells"][at]]))
        };
        self.columns().filter_map(named).collect()
    }

    /// The mean of a quantity over the cells of a row.
    pub fn mean_of_cells(
        &self,
        method: &str,
        network: Option<&str>,
        of: impl Fn(&Value) -> Option<f64>,
    ) -> Option<f64> {
        mean(self.cells(method, network).into_iter().filter_map(of))
    }

    /// The mean cost of a row for one network.
    pub fn cost(&self, method: &str, key: &str) -> Option<f64> {
        mean(self.counted().filter_map(|table| {
            Some(row(table, method)?["cost"][key].as_f64()? / array(&table["columns"]).len() as f64)
        }))
    }
}

/// The row of a method in a table.
fn row<'a>(table: &'a Value, method: &str) -> Option<&'a Value> {
    array(&table["rows"]).iter().find(|row| row["method"] == method)
}

/// The mean; `None` of none.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

/// The elements of an array; none if the value is something else.
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rows_of_fgg_are_those_of_the_configuration() {
        let config: toml::Table = include_str!("../../../configs/evidence/soups.toml").parse().unwrap();
        let of_fgg = |row: &&toml::Value| {
            row.get("pool").and_then(toml::Value::as_str).is_some_and(|pool| pool.starts_with("fgg"))
        };
        let rows = config["method"].as_array().unwrap().iter().filter(of_fgg);
        let rows: BTreeSet<&str> = rows.map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(rows, BTreeSet::from(FGG));
    }
}
