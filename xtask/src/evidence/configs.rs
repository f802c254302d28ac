//! The configuration of one set and seed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

/// Writes the configuration of a set and a seed, made of that of all, and returns its path.
///
/// The seed changes what is random in training: the classifier of the probe, the order of images and
/// the augmentation; and the split into training and validation images.
pub fn of(all: &Path, runs: &Path, set: &str, seed: u64) -> Result<PathBuf> {
    let text = fs::read_to_string(all).with_context(|| all.display().to_string())?;
    let mut config: Table = text.parse().with_context(|| all.display().to_string())?;
    let name = format!("evidence-{set}-{seed}");
    let number = i64::try_from(seed)?;
    match config.get_mut("dataset").and_then(Value::as_array_mut) {
        Some(datasets) => {
            datasets.retain(|of| of.get("name").and_then(Value::as_str) == Some(set));
            let [dataset] = datasets.as_mut_slice() else {
                bail!(
                    "{}: expected one dataset with the name {set}, found {}",
                    all.display(),
                    datasets.len()
                );
            };
            put(dataset.as_table_mut(), "split", "seed", number);
        }
        None => bail!("{}: expected datasets, found none", all.display()),
    }
    if config.get("kind").and_then(Value::as_str) == Some("inmerge") {
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
    fs::write(&path, toml::to_string(&config)?).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn put(table: Option<&mut Table>, section: &str, key: &str, value: impl Into<Value>) {
    let section = table.map(|table| table.entry(section).or_insert_with(|| Value::Table(Table::new())));
    if let Some(section) = section.and_then(Value::as_table_mut) {
        section.insert(key.into(), value.into());
    }
}
