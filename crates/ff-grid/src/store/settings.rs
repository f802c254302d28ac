//! The settings of a table, as they are told apart from those of other tables.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;

/// The values of a resolved configuration by their dotted keys, such as `dataset.0.name`, without
/// the section `[run]`: how a table is run does not change what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads a resolved configuration from text; `None` if it is no TOML.
    pub fn parse(text: &str) -> Option<Self> {
        let mut table: toml::Table = toml::from_str(text).ok()?;
        table.remove("run");
        let mut values = BTreeMap::new();
        flatten("", Value::Table(table), &mut values);
        Some(Self(values))
    }

    /// Reads the resolved configuration in a table's folder; `None` if it is missing or damaged.
    pub fn read(folder: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(folder.join("config.toml")).ok()?)
    }

    /// Returns the first 8 hexadecimal digits of the BLAKE3 hash of the settings.
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(&self.0).expect("plain data");
        blake3::hash(text.as_bytes()).to_hex()[..8].to_owned()
    }

    /// Returns a value as TOML.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Returns the keys whose values differ, each with its value here and there as TOML. `None`: the
    /// key is missing.
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, Option<&'a str>, Option<&'a str>)> {
        let mut keys: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let pairs = keys.into_iter().map(|key| (key.as_str(), self.get(key), other.get(key)));
        pairs.filter(|(_, here, there)| here != there).collect()
    }
}

fn flatten(key: &str, value: Value, values: &mut BTreeMap<String, String>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Table(table) => {
            table.into_iter().for_each(|(name, value)| flatten(&below(&name), value, values));
        }
        Value::Array(list) if list.iter().any(Value::is_table) => {
            for (at, value) in list.into_iter().enumerate() {
                flatten(&below(&at.to_string()), value, values);
            }
        }
        value => drop(values.insert(key.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_table_is_run_is_none_of_its_settings() {
        let read = |text: &str| Settings::parse(text).unwrap();
        let one = read("name = 'a'\n[fgg]\nepochs = 5\n[run]\nworkers = 2\n[[dataset]]\nname = 'x'\n");
        let same = read("name = 'a'\n[[dataset]]\nname = 'x'\n[fgg]\nepochs = 5\n");
        assert_eq!((&one, one.digest()), (&same, same.digest()));
        let other = read("name = 'a'\n[[dataset]]\nname = 'y'\n[soup]\nfolds = 3\n[fgg]\nepochs = 5\n");
        let expected = [("dataset.0.name", Some("\"x\""), Some("\"y\"")), ("soup.folds", None, Some("3"))];
        assert_eq!(one.differences(&other), expected);
        assert_ne!(one.digest(), other.digest());
        assert_eq!(Settings::parse("= 1"), None);
    }
}
