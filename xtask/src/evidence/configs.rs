//! The configuration of one set and seed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::files;

/// A configuration of several sets, of which each set and seed is a table of its own.
pub struct Study {
    /// The name of the configuration, with which the names of its tables begin.
    pub name: String,
    /// The row that the others are compared with.
    pub baseline: &'static str,
    path: PathBuf,
    config: Table,
}

impl Study {
    /// Reads a configuration; `large`: with the networks of `large.toml`.
    pub fn read(path: &Path, large: bool) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut config: Table = text.parse().with_context(|| path.display().to_string())?;
        if large {
            enlarge(&mut config, &include_str!("large.toml").parse()?);
        }
        let name = config.get("name").and_then(Value::as_str).map(str::to_owned);
        let name = name.with_context(|| format!("{}: expected a name, found none", path.display()))?;
        let baseline = if is_inmerge(&config) { "Baseline" } else { "GS (best)" };
        Ok(Self { name, baseline, path: path.to_owned(), config })
    }

    /// Whether it has this set.
    pub fn has(&self, set: &str) -> bool {
        let datasets = self.config.get("dataset").and_then(Value::as_array);
        datasets.is_some_and(|all| all.iter().any(|of| of.get("name").and_then(Value::as_str) == Some(set)))
    }

    /// Writes the configuration of a set and a seed to the folder of results, and returns its path.
    ///
    /// The seed changes what is random in training: the classifier of the probe, the order of images
    /// and the augmentation; and the split into training and validation images.
    pub fn config(&self, runs: &Path, data: &Path, set: &str, seed: u64) -> Result<PathBuf> {
        let mut config = self.config.clone();
        let name = format!("{}-{set}-{seed}", self.name);
        let number = i64::try_from(seed)?;
        let Some(datasets) = config.get_mut("dataset").and_then(Value::as_array_mut) else {
            bail!("{}: expected datasets, found none", self.path.display());
        };
        datasets.retain(|of| of.get("name").and_then(Value::as_str) == Some(set));
        datasets.iter_mut().for_each(|of| put(of.as_table_mut(), "split", "seed", number));
        let backbones = config.get_mut("backbone").and_then(Value::as_array_mut);
        for backbone in backbones.into_iter().flatten().filter_map(Value::as_table_mut) {
            // A file of weights is in the folder of the data; other weights are names.
            if let Some(Value::String(weights)) = backbone.get_mut("weights")
                && weights.ends_with(".safetensors")
            {
                let file = std::path::absolute(data.join(&weights))?;
                *weights = file.into_os_string().into_string().ok().context("a path that is not UTF-8")?;
            }
        }
        if is_inmerge(&config) {
            config.insert("seeds".into(), Value::Array(vec![number.into()]));
        } else {
            let seeds = vec![Value::from(2 * number), Value::from(2 * number + 1)];
            put(Some(&mut config), "grid", "seeds", seeds);
            put(Some(&mut config), "fgg", "seed", 2 * number);
            put(Some(&mut config), "probe", "seed", number);
        }
        config.insert("name".into(), name.clone().into());
        let path = runs.join("evidence").join(format!("{name}.toml"));
        fs::create_dir_all(path.parent().unwrap_or(runs))?;
        files::write(&path, &toml::to_string(&config)?)?;
        Ok(path)
    }
}

fn is_inmerge(config: &Table) -> bool {
    config.get("kind").and_then(Value::as_str) == Some("inmerge")
}

/// Puts the values of `large` in place of those of a configuration.
fn enlarge(config: &mut Table, large: &Table) {
    for (key, value) in large {
        match (config.get_mut(key).and_then(Value::as_table_mut), value.as_table()) {
            (Some(section), Some(values)) => section.extend(values.clone()),
            _ => drop(config.insert(key.clone(), value.clone())),
        }
    }
    config.remove("pretrain");
    let size = large["model"]["image_size"].clone();
    let datasets = config.get_mut("dataset").and_then(Value::as_array_mut).into_iter().flatten();
    for twin in datasets.filter_map(|of| of.get_mut("ood")?.as_array_mut()).flatten() {
        if twin["source"].get("image_size").is_some() {
            put(twin.as_table_mut(), "source", "image_size", size.clone());
        }
    }
}

fn put(table: Option<&mut Table>, section: &str, key: &str, value: impl Into<Value>) {
    let section = table.map(|table| table.entry(section).or_insert_with(|| Value::Table(Table::new())));
    if let Some(section) = section.and_then(Value::as_table_mut) {
        section.insert(key.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configs(file: &str, large: bool) -> Study {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/evidence");
        Study::read(&folder.join(file), large).unwrap()
    }

    fn written(study: &Study, set: &str, seed: u64) -> Table {
        let runs = tempfile::tempdir().unwrap();
        let path = study.config(runs.path(), Path::new("/data"), set, seed).unwrap();
        fs::read_to_string(path).unwrap().parse().unwrap()
    }

    #[test]
    fn a_table_has_one_set_and_its_seed() {
        let soups = configs("soups.toml", false);
        assert!(soups.has("nih") && !soups.has("mnist"));
        let found = written(&soups, "nih", 3);
        assert_eq!(found["name"].as_str(), Some("evidence-nih-3"));
        let datasets = found["dataset"].as_array().unwrap();
        assert_eq!((datasets.len(), datasets[0]["split"]["seed"].as_integer()), (1, Some(3)));
        assert_eq!(found["grid"]["seeds"], Value::Array(vec![6.into(), 7.into()]));
        let seeds = ["fgg", "probe"].map(|section| found[section]["seed"].as_integer());
        assert_eq!(seeds, [Some(6), Some(3)]);
        // Names of weights stay.
        assert_eq!(found["backbone"][0]["weights"].as_str(), Some("pretrain"));
    }

    #[test]
    fn files_of_weights_are_in_the_folder_of_the_data() {
        let found = written(&configs("inmerge.toml", false), "busi", 1);
        assert_eq!(found["backbone"][0]["weights"].as_str(), Some("/data/vgg16_trunk.safetensors"));
        assert_eq!(found["seeds"], Value::Array(vec![1.into()]));
    }

    #[test]
    fn large_networks_take_large_images() {
        let found = written(&configs("soups.toml", true), "busi", 0);
        assert_eq!(found["name"].as_str(), Some("evidence-large-busi-0"));
        assert_eq!(found["backbone"][1]["architecture"].as_str(), Some("deit_base_patch16_224"));
        let sizes = [&found["model"], &found["dataset"][0]["ood"][0]["source"]];
        assert_eq!(sizes.map(|of| of["image_size"].as_integer()), [Some(224); 2]);
        // The rest is that of the small networks, but for the pretraining.
        assert_eq!(found["finetune"]["epochs"].as_integer(), Some(24));
        assert!(!found.contains_key("pretrain"));
    }
}
