//! `ff-soup verify --deep`: a soup's ancestors as text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::bail;
use ff_data::OnBadImage;
use ff_grid::{Ancestor, Catalog, FileStatus, SameJob, lineage, read_experiment};

use crate::average::check;

/// Prints and checks all ancestors of a soup, then verifies the soup itself.
///
/// With `data_root`, also checks that the datasets are those that it was made with.
pub fn trace_and_check(soup: &Path, places: &[PathBuf], data_root: Option<&Path>) -> anyhow::Result<()> {
    let ancestors = lineage(soup, places)?;
    trace(&ancestors, places, data_root)?;
    let parents = ancestors.iter().filter(|ancestor| ancestor.depth == 1);
    check(soup, &parents.filter_map(|parent| parent.found.intact()).collect::<Vec<_>>())
}

/// Prints a line for each ancestor ([`ff_grid::lineage`]) and each dataset.
///
/// The line of an ancestor says whether its file is intact, and whether this version would plan the
/// same job for it. An imported file that is in none of the places is listed as not searched, which is
/// no error.
///
/// # Errors
/// An ancestor or a dataset is missing, damaged or changed.
fn trace(ancestors: &[Ancestor], places: &[PathBuf], data_root: Option<&Path>) -> anyhow::Result<()> {
    let mut troubles = 0;
    let mut text = String::new();
    for ancestor in ancestors {
        let (line, trouble) = line(ancestor);
        troubles += usize::from(trouble);
        text += &format!("{}{line}\n", "  ".repeat(ancestor.depth));
    }
    let known = data_root.map(|root| datasets(places, root));
    let made = ancestors.iter().filter_map(|ancestor| ancestor.provenance.as_ref());
    let digests: BTreeSet<&String> = made.filter_map(|made| made.data.as_ref()).collect();
    for digest in digests {
        let state = match known.as_ref().map(|known| known.get(digest)) {
            None => "not checked, which needs --data-root".to_owned(),
            Some(Some(name)) => format!("unchanged ({name})"),
            Some(None) => {
                troubles += 1;
                "missing or changed".to_owned()
            }
        };
        text += &format!("images {}: {state}\n", &digest[..digest.len().min(16)]);
    }
    crate::output::print(&text)?;
    match troubles {
        0 => Ok(()),
        1 => bail!("1 ancestor or dataset is missing, damaged or changed"),
        number => bail!("{number} ancestors or datasets are missing, damaged or changed"),
    }
}

/// Returns the line of an ancestor, and whether it is in trouble.
fn line(ancestor: &Ancestor) -> (String, bool) {
    let kind = ancestor.provenance.as_ref().map_or("weights", |made| made.kind.as_str());
    let share = ancestor.weight.map_or(String::new(), |weight| format!("{:.2} % ", 100.0 * weight));
    let digest = &ancestor.digest.to_string()[..16];
    let (state, missing) = match &ancestor.found {
        FileStatus::Intact(path) => (format!("intact, {}", path.display()), false),
        FileStatus::Damaged(path) => (format!("DAMAGED, {}", path.display()), true),
        FileStatus::NotSearched => {
            return (format!("not searched: {}, weights {digest}", ancestor.id), false);
        }
        FileStatus::Missing => ("MISSING".to_owned(), true),
    };
    let (job, other) = match &ancestor.job {
        Some(SameJob::Same(id)) => (format!("; a rerun would be the same job, {id}"), false),
        Some(SameJob::Other(why)) => {
            (format!("; A RERUN WOULD BE ANOTHER JOB: {}", why.lines().next().unwrap_or_default()), true)
        }
        None => (String::new(), false),
    };
    let above = if ancestor.repeated { "; its ancestors are listed above" } else { "" };
    (format!("{share}{}: {kind} {digest}, {state}{job}{above}", ancestor.id), missing || other)
}

/// Returns the digests and names of the datasets in the tables' configurations, as far as the
/// datasets can be opened. `places` are searched for runs folders.
fn datasets(places: &[PathBuf], root: &Path) -> BTreeMap<String, String> {
    let tables = places.iter().filter_map(|place| std::fs::read_dir(place.join("tables")).ok());
    let configs = tables.flatten().flatten().map(|table| table.path().join("config.toml"));
    let catalog = Catalog::new(root, None, 1, OnBadImage::Error, 0);
    let sources = configs
        .filter_map(|path| read_experiment(&path, &[]).ok())
        .flat_map(|experiment| experiment.sources());
    let opened =
        sources.filter_map(|(name, data)| Some((catalog.open(&data).ok()?.identity.digest.clone(), name)));
    opened.collect()
}
