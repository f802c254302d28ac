//! The files of a table.

use std::path::PathBuf;

use ff_checkpoint::write_sealed;

use super::files::write_text;
use crate::error::Error;
use crate::plan::{Plan, Records, Texts};
use crate::store::{ResultFiles, RunStore, file_hash, note_jobs, remove_file};

/// The name of the file with a table's resolved configuration.
const CONFIG: &str = "config.toml";

/// A table from the records that exist, and its files.
#[derive(Clone, Debug)]
pub struct Results {
    /// The table as Markdown.
    pub markdown: String,
    /// The table as JSON.
    pub json: String,
    /// The files: the table as Markdown, CSV, LaTeX and JSON, and the resolved configuration. For
    /// soups, each finished column has the soup with its record and model card, and figures of the
    /// error landscape if the configuration has them. For in-model merging, plots and CSV files of
    /// sweeps and merges.
    pub files: Vec<PathBuf>,
}

/// Returns the table from the records that exist, as Markdown and JSON, and writes nothing.
pub fn render(plan: &Plan, runs: &RunStore) -> Result<[String; 2], Error> {
    let texts = plan.table.texts(Records { plan, runs })?;
    Ok([texts.markdown, texts.json])
}

/// Notes the configuration and the jobs of a table in its folder, before the first job runs.
///
/// # Errors
/// Files that cannot be written.
pub fn begin_table(plan: &Plan, runs: &RunStore) -> Result<(), Error> {
    let folder = plan.folder(runs);
    if !folder.join(CONFIG).exists() {
        write_text(&folder, CONFIG, &plan.table.experiment().to_toml()?)?;
    }
    note_jobs(&folder, &plan.jobs, false)
}

/// Writes the table from the records that exist, and its further files, into the table's folder.
///
/// Cells note what is missing or failed. The list `files.json` has the hash of each file.
pub fn write_results(plan: &Plan, runs: &RunStore) -> Result<Results, Error> {
    let folder = plan.folder(runs);
    let Texts { markdown, csv, latex, json } = plan.table.texts(Records { plan, runs })?;
    let resolved = plan.table.experiment().to_toml()?;
    // The old list does not match new files, so there is no list until all of them are written.
    let list = folder.join(ResultFiles::NAME);
    remove_file(&list).map_err(Error::file(&list))?;
    let mut files = Vec::new();
    for (name, text) in [
        ("table.md", &markdown),
        ("table.csv", &csv),
        ("table.tex", &latex),
        ("table.json", &json),
        (CONFIG, &resolved),
    ] {
        files.push(write_text(&folder, name, text)?);
    }
    files.extend(plan.table.write_details(Records { plan, runs })?);
    let entry =
        |path: &PathBuf| Ok((path.strip_prefix(&folder).unwrap_or(path).to_owned(), file_hash(path)?));
    let listed = files.iter().map(entry).collect::<Result<_, Error>>()?;
    note_jobs(&folder, &plan.jobs, true)?;
    write_sealed(&list, &ResultFiles { files: listed })?;
    Ok(Results { markdown, json, files })
}
