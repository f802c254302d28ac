//! `ff-soup select --images`: a table of models that were trained elsewhere.
//!
//! The files become a pool of a table, which `ff-grid` runs: the table, the report, the checks and the
//! crash safety are those of models that were trained here.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ff_checkpoint::{StateDict, map_on_cores, write_atomic};
use ff_grid::{
    Architecture, BackboneConfig, DatasetEntry, Experiment, ForecastConfig, MethodConfig, ModelConfig, Pool,
    PoolConfig, RunStore, Selection, Settings, SoupConfig, SoupsConfig, parse_experiment, table_folder,
};
use ff_models::{Identity, Normalisation};
use ff_soup::Needs;
use ff_train::task_kind;
use itertools::Itertools;
use tracing::info;

use super::claim::claim;
use super::images::{counts, source, split};
use super::options::{BatchNorm, ImagesOptions, SelectOptions};
use crate::grid::{RunOptions, TableOptions, counted};
use crate::options::{Common as CommonOptions, ConfigOptions};
use crate::output::say;
use crate::report::{ReportOptions, write_report};
use crate::score::default_metric;
use crate::source::Source;

/// The name of the files' pool.
const POOL: &str = "files";

/// Selects among models from files in a table, and writes its soup and its report.
pub(super) fn make(options: &SelectOptions, images: &Path, select: Option<Selection>) -> anyhow::Result<()> {
    let source = source(options, images)?;
    let config = config(options, &source, select, &same(options)?)?;
    let runs = &options.images.runs.runs;
    // The same checks and defaults as of a configuration that a user writes.
    let text = parse_experiment(&config.to_toml()?, &[])?.to_toml()?;
    let settings = Settings::parse(&text).context("the table's configuration")?;
    let folder = table_folder(&RunStore::new(runs), &config.name, &settings);
    // Kept until the soup is copied.
    let _claim = claim(&folder, &options.output)?;
    let path = folder.join("config.toml");
    write_atomic(&path, |file| std::io::Write::write_all(file, text.as_bytes()))
        .with_context(|| path.display().to_string())?;
    let table = TableOptions {
        config: ConfigOptions { config: path.clone(), data_root: PathBuf::from("."), set: Vec::new() },
        runs: options.images.runs.clone(),
        on_bad_image: options.images.on_bad_image,
        allow_other_split: options.allow_other_split,
        json: options.json,
    };
    crate::grid::run(&RunOptions::local(table, options.device), &CommonOptions::default())?;
    let soup = folder.join("soup.safetensors");
    if !soup.exists() {
        bail!(
            "{}: expected a soup, found none: every soup predicts one class for all validation images",
            folder.display()
        );
    }
    let weights = StateDict::open(soup)?;
    weights.save(&options.output, Some(weights.provenance()?))?;
    info!("wrote {}", options.output.display());
    write_report(&ReportOptions::of(path, runs, page_of(&options.output)))
}

/// What all models have in common.
struct Common {
    architecture: Architecture,
    image_size: u32,
    normalisation: Option<Normalisation>,
}

/// Tells what the files are, and checks that they can be mixed.
fn same(options: &SelectOptions) -> anyhow::Result<Common> {
    let files = options.candidates()?;
    let image_size = options.images.image_size;
    let identities = map_on_cores(&files, |path| -> anyhow::Result<Identity> {
        Identity::of(&StateDict::open(path)?, None).map_err(explained)
    });
    let mut groups: Vec<(Identity, Vec<&Path>)> = Vec::new();
    for (path, identity) in files.iter().zip(identities) {
        let identity = identity?;
        match groups.iter_mut().find(|(other, _)| is_same(other, &identity)) {
            Some((other, members)) => {
                // What one file tells holds for those that do not.
                other.image_size = other.image_size.or(identity.image_size);
                other.classes = other.classes.take().or(identity.classes);
                members.push(path);
            }
            None => groups.push((identity, vec![path])),
        }
    }
    let [(identity, members)] = groups.as_slice() else { return Err(mixed(&groups)) };
    let size = image_size.or(identity.image_size).unwrap_or(identity.architecture.image_size);
    say(&format!(
        "{}: {} ({}), {} outputs, images of {size} px{}",
        counted(members.len() as u64, "model"),
        identity.architecture,
        identity.told_by,
        identity.outputs,
        if image_size.or(identity.image_size).is_none() {
            ", the architecture's size, since no file tells it"
        } else {
            ""
        },
    ));
    let usual = identity.architecture.normalisation;
    let normalisation = identity.normalisation.filter(|normalisation| *normalisation != usual);
    Ok(Common { architecture: identity.architecture, image_size: size, normalisation })
}

/// Names the selection that takes any network, if this software does not have that of a file.
fn explained(error: ff_models::Error) -> anyhow::Error {
    match error {
        ff_models::Error::Unidentified { .. } => anyhow::anyhow!(
            "{error}; or select by a command that scores weights: \
             --score-command 'python eval.py {{weights}}'"
        ),
        _ => error.into(),
    }
}

/// Returns whether models of both can be averaged, as far as they tell, but for the order of their
/// classes, which is made the same.
fn is_same(one: &Identity, other: &Identity) -> bool {
    fn agree<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    let classes = |identity: &Identity| {
        let names = identity.classes.as_ref().map(|(names, _)| names);
        names.map(|names| names.iter().cloned().sorted().collect::<Vec<_>>())
    };
    // A file that tells none is of the architecture's, and not of that which another file tells.
    let normalisation =
        |identity: &Identity| identity.normalisation.unwrap_or(identity.architecture.normalisation);
    (one.architecture, one.outputs) == (other.architecture, other.outputs)
        && agree(one.image_size, other.image_size)
        && normalisation(one) == normalisation(other)
        && agree(classes(one), classes(other))
}

/// Lists groups of models that cannot be mixed.
fn mixed(groups: &[(Identity, Vec<&Path>)]) -> anyhow::Error {
    let describe = |(identity, members): &(Identity, Vec<&Path>)| {
        let size = identity.image_size.map_or(String::new(), |size| format!(", {size} px"));
        let mean = identity
            .normalisation
            .map_or(String::new(), |of| format!(", mean {:?}, deviation {:?}", of.mean, of.std));
        let classes = identity.classes.as_ref();
        let classes = classes.map_or(String::new(), |(names, _)| format!(", classes {}", names.join(", ")));
        let first =
            members.iter().take(3).map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        let more = if members.len() > 3 { ", …" } else { "" };
        format!(
            "\n  {}: {}, {} outputs{size}{mean}{classes} ({first}{more})",
            members.len(),
            identity.architecture,
            identity.outputs
        )
    };
    let list: String = groups.iter().map(describe).collect();
    anyhow::anyhow!(
        "expected models of one architecture, classes, image size and normalisation, found {} kinds:{list}\n\
         hint: name the files of one kind",
        groups.len()
    )
}

/// Makes the configuration of the table.
fn config(
    options: &SelectOptions,
    source: &Source,
    select: Option<Selection>,
    common: &Common,
) -> anyhow::Result<SoupsConfig> {
    let ImagesOptions { ratio, grouped, classes, .. } = &options.images;
    let dataset = source.open()?;
    let kind = task_kind(dataset.task());
    let split = split(&*dataset, ratio, *grouped)?;
    let recalibrated = options.bn == BatchNorm::Recalibrate && common.architecture.batch_norm;
    let splits = split.split(&*dataset, Path::new(""))?;
    say(&counts(&splits, recalibrated.then_some(options.bn_images)));
    let metric = options.metric.unwrap_or_else(|| default_metric(kind));
    let whole = |paths: &[PathBuf]| paths.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>();
    let (files, except) = (whole(&options.files)?, whole(&options.results())?);
    let base = options.base.as_ref().map(std::path::absolute).transpose()?;
    let soup = SoupConfig {
        bn: options.bn.into(),
        bn_images: options.bn_images,
        select_by: options.select_by,
        folds: options.folds(),
    };
    let model = ModelConfig {
        image_size: common.image_size,
        normalisation: common.normalisation,
        batch_size: 32,
        ..ModelConfig::default()
    };
    let (name, classes) = (POOL.to_owned(), classes.clone());
    let pool = PoolConfig { name, files, except, base, classes, ..PoolConfig::default() };
    Ok(SoupsConfig {
        name: name_of(&options.output),
        backbone: vec![BackboneConfig { architecture: common.architecture, ..BackboneConfig::default() }],
        dataset: vec![DatasetEntry { metric, source: source.config()?, split, ..DatasetEntry::default() }],
        model,
        soup,
        forecast: Some(ForecastConfig::default()),
        method: methods(select, options.base.is_some()),
        pool: vec![pool],
        ..SoupsConfig::default()
    })
}

/// Returns the name of an output, without the extension of weights.
fn name_of(output: &Path) -> String {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".safetensors").unwrap_or(&name).to_owned()
}

/// Returns the path of the report on an output.
fn page_of(output: &Path) -> PathBuf {
    output.with_file_name(format!("{}.html", name_of(output)))
}

/// The rows: the best file, and the method that was asked for or several.
fn methods(select: Option<Selection>, has_base: bool) -> Vec<MethodConfig> {
    let kind = |kind: &str| {
        let selection = serde_json::from_value(serde_json::json!({ "kind": kind }));
        selection.expect("a kind without settings")
    };
    let several = ["uniform", "greedy", "pruned", "stock", "ties"].into_iter().map(kind);
    let several = several.filter(|select: &Selection| has_base || select.needs() != Needs::Base);
    let rows = std::iter::once(kind("best")).chain(match select {
        Some(select) => vec![select],
        None => several.collect(),
    });
    let row = |select: Selection| MethodConfig {
        name: title(&select),
        pool: Pool::Named(POOL.to_owned()),
        select,
        ..MethodConfig::default()
    };
    rows.map(row).collect()
}

/// Returns a row's name: the kind of its selection.
fn title(select: &Selection) -> String {
    let value = serde_json::to_value(select).unwrap_or_default();
    let mut letters = value["kind"].as_str().unwrap_or_default().chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_name_of_its_output() {
        for (output, page) in [
            ("a/soup.safetensors", "a/soup.html"),
            ("soup.v1", "soup.v1.html"),
            ("a.b/soup", "a.b/soup.html"),
            ("soup.v1.safetensors", "soup.v1.html"),
        ] {
            assert_eq!(page_of(Path::new(output)), Path::new(page));
        }
    }
}
