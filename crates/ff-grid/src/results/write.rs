//! The table's files.

use std::path::PathBuf;

use ff_checkpoint::write_sealed;

use super::files::write_text;
use crate::error::Error;
use crate::plan::{Plan, Records, Texts};
use crate::store::{ResultFiles, RunStore, file_hash, remove_file};

/// A table as far as the records go, and the files that it was written to.
#[derive(Clone, Debug)]
pub struct Results {
    /// The table for people.
    pub markdown: String,
    /// The table for programs.
    pub json: String,
    /// The table as Markdown, CSV, LaTeX and JSON, and the resolved configuration; of soups, for
    /// each finished column `soup.safetensors`, `soup.json` and pictures of errors between its
    /// models, if asked for; of merging, a plot for each sweep and what was merged.
    pub files: Vec<PathBuf>,
}

/// The table as far as the records go, as Markdown and as JSON; nothing is written.
pub fn render(plan: &Plan, runs: &RunStore) -> Result<[String; 2], Error> {
    let texts = plan.table.texts(Records { plan, runs })?;
    Ok([texts.markdown, texts.json])
}

/// Writes the table and what goes with it into the table's folder below the runs folder, and a list
/// of the files beside them. What is missing or failed is said in its cell.
pub fn write_results(plan: &Plan, runs: &RunStore) -> Result<Results, Error> {
    let folder = plan.folder(runs);
    let Texts { markdown, csv, latex, json } = plan.table.texts(Records { plan, runs })?;
    let resolved = plan.table.experiment().to_toml()?;
    // The list is of the files as they were: it is absent until all of them are rewritten.
    let list = folder.join(ResultFiles::NAME);
    remove_file(&list).map_err(Error::file(&list))?;
    let mut files = Vec::new();
    for (name, text) in [
        ("table.md", &markdown),
        ("table.csv", &csv),
        ("table.tex", &latex),
        ("table.json", &json),
        ("config.toml", &resolved),
    ] {
        files.push(write_text(&folder, name, text)?);
    }
    files.extend(plan.table.write_details(Records { plan, runs })?);
    let entry =
        |path: &PathBuf| Ok((path.strip_prefix(&folder).unwrap_or(path).to_owned(), file_hash(path)?));
    let listed = files.iter().map(entry).collect::<Result<_, Error>>()?;
    write_sealed(&list, &ResultFiles { files: listed })?;
    Ok(Results { markdown, json, files })
}
