//! The table's files.

use std::path::{Path, PathBuf};

use ff_checkpoint::write_sealed;

use super::files::write_text;
use crate::error::Error;
use crate::plan::{Plan, Texts};
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
    let texts = plan.table.texts(plan, runs)?;
    Ok([texts.markdown, texts.json])
}

/// Writes the table and what goes with it into the table's folder below the runs folder. What is missing or failed is said
/// in its cell.
pub fn write_results(plan: &Plan, runs: &RunStore) -> Result<Results, Error> {
    let folder = plan.folder(runs);
    let texts = plan.table.texts(plan, runs)?;
    let mut results = write_table(&folder, texts, &plan.table.experiment().to_toml()?)?;
    results.files.extend(plan.table.write_details(plan, runs)?);
    results.listed(&folder)
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

fn write_table(folder: &Path, texts: Texts, resolved: &str) -> Result<Results, Error> {
    // The list is of the files as they were: it is absent until all of them are rewritten.
    let list = folder.join(ResultFiles::NAME);
    match std::fs::remove_file(&list) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::file(&list)(error)),
        _ => {}
    }
    let Texts { markdown, csv, latex, json } = texts;
    let mut files = Vec::new();
    for (name, text) in [
        ("table.md", markdown.as_str()),
        ("table.csv", &csv),
        ("table.tex", &latex),
        ("table.json", &json),
        ("config.toml", resolved),
    ] {
        files.push(write_text(folder, name, text)?);
    }
    Ok(Results { markdown, json, files })
}
