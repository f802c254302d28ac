//! The table's files.

use std::path::{Path, PathBuf};

use ff_checkpoint::write_sealed;
use serde::Serialize;

use super::files::write_text;
use super::{inmerge, landscape, soups};
use crate::error::Error;
use crate::plan::{Plan, PlannedTable};
use crate::store::{ResultFiles, RunStore, file_hash};

/// A table as far as the records go, and the files that it was written to.
#[derive(Clone, Debug)]
pub struct Results {
    /// The table for people.
    pub markdown: String,
    /// The table for programs.
    pub json: String,
    /// The table as Markdown, CSV, LaTeX and JSON, and the resolved configuration; of soups, for each finished column
    /// `soup.safetensors`, `soup.json` and pictures of errors between its models, if asked for; of merging, a plot for each sweep and what was merged.
    pub files: Vec<PathBuf>,
}

/// The table as far as the records go, as Markdown and as JSON; nothing is written.
pub fn render(plan: &Plan, runs: &RunStore) -> Result<[String; 2], Error> {
    Ok(match &plan.table {
        PlannedTable::Soups(config, columns) => {
            let table = soups::table(plan, config, columns, runs)?;
            [table.to_markdown(), table.to_json()]
        }
        PlannedTable::Merging(config, columns) => {
            let table = inmerge::table(plan, config, columns, runs)?;
            [table.to_markdown(), table.to_json()]
        }
    })
}

/// Writes the table and what goes with it into the table's folder below the runs folder. What is missing or failed is said
/// in its cell.
pub fn write_results(plan: &Plan, runs: &RunStore) -> Result<Results, Error> {
    match &plan.table {
        PlannedTable::Soups(config, columns) => {
            let table = soups::table(plan, config, columns, runs)?;
            let texts = [table.to_markdown(), table.to_csv(), table.to_latex(), table.to_json()];
            let mut published = write_table(&config.folder(runs.root()), texts, config)?;
            published.files.extend(soups::deliver(plan, config, columns, runs)?);
            published.files.extend(landscape::deliver(plan, config, columns, runs)?);
            published.listed(&config.folder(runs.root()))
        }
        PlannedTable::Merging(config, columns) => {
            let table = inmerge::table(plan, config, columns, runs)?;
            let texts = [table.to_markdown(), table.to_csv(), table.to_latex(), table.to_json()];
            let mut published = write_table(&config.folder(runs.root()), texts, config)?;
            published.files.extend(inmerge::details(plan, config, columns, runs, &table)?);
            published.listed(&config.folder(runs.root()))
        }
    }
}

impl Results {
    /// The same, once the list of the files lies beside them.
    fn listed(self, folder: &Path) -> Result<Self, Error> {
        let entry =
            |path: &PathBuf| Ok((path.strip_prefix(folder).unwrap_or(path).to_owned(), file_hash(path)?));
        let files = self.files.iter().map(entry).collect::<Result<_, Error>>()?;
        write_sealed(&folder.join(ResultFiles::NAME), &ResultFiles { files })?;
        Ok(self)
    }
}

fn write_table(folder: &Path, texts: [String; 4], config: &impl Serialize) -> Result<Results, Error> {
    // The list is of the files as they were: it is absent until all of them are rewritten.
    let list = folder.join(ResultFiles::NAME);
    match std::fs::remove_file(&list) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::file(&list)(error)),
        _ => {}
    }
    let resolved = toml::to_string_pretty(config).map_err(|error| Error::Config(error.to_string()))?;
    let [markdown, csv, latex, json] = texts;
    let mut files = Vec::new();
    for (name, text) in [
        ("table.md", &markdown),
        ("table.csv", &csv),
        ("table.tex", &latex),
        ("table.json", &json),
        ("config.toml", &resolved),
    ] {
        files.push(write_text(folder, name, text)?);
    }
    Ok(Results { markdown, json, files })
}
