//! How a configuration is read: defaults, the file over them, and `key=value` over both.

use itertools::Itertools;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::explain::{explained, path, syntax};

/// Reads a configuration: what `text` leaves out is as in `defaults`.
pub(crate) fn read_toml<T: DeserializeOwned + Serialize>(text: &str, defaults: &T) -> Result<T, String> {
    let file: Table = toml::from_str(text).map_err(|error| syntax(&error))?;
    let mut root = value_from(defaults)?;
    overlay(&mut root, Value::Table(file.clone()));
    root.try_into().map_err(|error| {
        let (said, key) = explained(&error, &file);
        let line = line::<T>(text, &error, key.as_deref());
        line.map_or_else(|| said.clone(), |line| format!("line {line}: {said}"))
    })
}

/// Replaces values of a configuration: each of `set` is `key=value` with a dotted key.
///
/// The key must exist in the type, and the value must be of its type. A value that is not TOML
/// (`weights=model.safetensors`) is taken as a string.
pub(crate) fn override_values<T: DeserializeOwned + Serialize>(
    config: T,
    set: &[String],
) -> Result<T, String> {
    if set.is_empty() {
        return Ok(config);
    }
    let mut root = value_from(&config)?;
    for assignment in set {
        let wrong = |why: &str| format!("--set {assignment}: {why}");
        let (key, value) = assignment.split_once('=').ok_or_else(|| wrong(FORM))?;
        let path: Vec<&str> = key.trim().split('.').map(str::trim).collect();
        if path.iter().any(|part| part.is_empty()) {
            return Err(wrong(FORM));
        }
        put(&mut root, &path, &value_of(value.trim())).map_err(|why| wrong(&why))?;
    }
    let values = root.as_table().cloned().unwrap_or_default();
    root.try_into().map_err(|error| {
        // The assignment that the error is about, or all.
        let key = path(&error);
        let names = |assignment: &&String| {
            let named = assignment.split_once('=').map_or("", |(named, _)| named.trim());
            let named = named.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>();
            !key.is_empty() && (named.join(".") + ".").starts_with(&format!("{key}."))
        };
        let about: Vec<&String> = set.iter().filter(names).collect();
        let about = if about.is_empty() { set.iter().collect() } else { about };
        format!("--set {}: {}", about.iter().join(" "), explained(&error, &values).0)
    })
}

/// What an override looks like.
const FORM: &str = "expected KEY=VALUE, such as fgg.epochs=5";

fn value_from<T: Serialize>(config: &T) -> Result<Value, String> {
    Value::try_from(config).map_err(|error| error.to_string())
}

/// Returns the line of an error, which only reading from text tells: that of `key`, if the place of the
/// error is that of the table around it. Without defaults, another error may come first there.
fn line<T: DeserializeOwned>(text: &str, error: &toml::de::Error, key: Option<&str>) -> Option<usize> {
    let located = toml::from_str::<T>(text).err()?;
    if located.message() != error.message() || path(&located) != path(error) {
        return None;
    }
    let start = located.span()?.start;
    let inside = key.and_then(|key| text.get(start..)?.find(key)).unwrap_or(0);
    Some(text.get(..start + inside)?.matches('\n').count() + 1)
}

/// Puts `over` in place of `under`, key by key. Tables of another `kind` are replaced whole.
fn overlay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Table(under), Value::Table(over))
            if over.get("kind").is_none_or(|kind| under.get("kind") == Some(kind)) =>
        {
            for (key, value) in over {
                match under.get_mut(&key) {
                    Some(inner) => overlay(inner, value),
                    None => {
                        under.insert(key, value);
                    }
                }
            }
        }
        (under, over) => *under = over,
    }
}

fn value_of(text: &str) -> Value {
    let wrapped: Result<Table, _> = toml::from_str(&format!("value = {text}"));
    match wrapped {
        Ok(mut table) if table.len() == 1 => table.remove("value").expect("one key"),
        _ => Value::String(text.to_owned()),
    }
}

fn put(at: &mut Value, path: &[&str], value: &Value) -> Result<(), String> {
    let Some((key, rest)) = path.split_first() else {
        overlay(at, value.clone());
        return Ok(());
    };
    match at {
        // Another kind has other keys.
        Value::Table(table) if *key == "kind" && rest.is_empty() && table.get("kind") != Some(value) => {
            *table = Table::from_iter([("kind".to_owned(), value.clone())]);
            Ok(())
        }
        Value::Table(table) => match table.get_mut(*key) {
            Some(inner) => put(inner, rest, value),
            None if rest.is_empty() => {
                table.insert((*key).to_owned(), value.clone()); // an optional key; an unknown one fails later
                Ok(())
            }
            None => {
                let mut inner = Value::Table(Table::new());
                put(&mut inner, rest, value)?;
                table.insert((*key).to_owned(), inner);
                Ok(())
            }
        },
        Value::Array(entries) => match key.parse::<usize>() {
            Ok(number) => {
                let count = entries.len();
                let entry = entries.get_mut(number);
                put(entry.ok_or(format!("there is no entry {number}, only {count}"))?, rest, value)
            }
            Err(_) => entries.iter_mut().try_for_each(|entry| put(entry, path, value)),
        },
        _ => Err(format!("`{key}` is not a key: the value before it is a plain value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        path: String,
        rate: f64,
        note: Option<String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
    enum Schedule {
        Cosine { lr: f64 },
        Constant { lr: f64 },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Outer {
        epochs: u32,
        list: Vec<f64>,
        schedule: Schedule,
        inner: Vec<Inner>,
    }

    impl Default for Outer {
        fn default() -> Self {
            Self {
                epochs: 50,
                list: vec![0.5],
                schedule: Schedule::Cosine { lr: 0.1 },
                inner: vec![Inner::default()],
            }
        }
    }

    const TEXT: &str = "epochs = 3\nlist = [1.0]\n[[inner]]\npath = 'a'\nrate = 0.5\n[[inner]]\npath = 'b'\n";

    fn read(text: &str) -> Result<Outer, String> {
        read_toml(text, &Outer::default())
    }

    fn with(set: &[&str]) -> Result<Outer, String> {
        override_values(read(TEXT)?, &set.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_a_file_leaves_out_has_a_default() {
        assert_eq!(read("").unwrap(), Outer::default());
        let config = read("[[inner]]\nnote = 'hi'\n[schedule]\nlr = 1").unwrap();
        assert_eq!((config.epochs, config.inner.len(), config.inner[0].rate), (50, 1, 0.0));
        // Of one kind, key by key; another kind replaces the default whole.
        assert_eq!(config.schedule, Schedule::Cosine { lr: 1.0 });
        assert_eq!(
            read("schedule = { kind = 'constant', lr = 2.0 }").unwrap().schedule,
            Schedule::Constant { lr: 2.0 }
        );
        assert!(
            read("schedule = { kind = 'constant' }")
                .unwrap_err()
                .ends_with("schedule: expected the key `lr`, found none")
        );
    }

    #[test]
    fn overrides_replace_values() {
        let config =
            with(&["epochs=5", "list=[1e-3, 0.1]", "inner.path=w.safetensors", "inner.1.rate=2"]).unwrap();
        assert_eq!((config.epochs, config.list.as_slice()), (5, [1e-3, 0.1].as_slice()));
        let [first, second] = &config.inner[..] else { panic!("two entries") };
        assert_eq!((first.path.as_str(), second.path.as_str()), ("w.safetensors", "w.safetensors"));
        assert_eq!((first.rate, second.rate), (0.5, 2.0));
        assert_eq!(with(&["inner.0.note='hi'"]).unwrap().inner[0].note.as_deref(), Some("hi"));
        assert_eq!(with(&["schedule.lr=3"]).unwrap().schedule, Schedule::Cosine { lr: 3.0 });
    }

    #[test]
    fn overrides_are_checked_like_the_file() {
        for (set, expected) in [
            ("epochs=many", ": epochs: expected a whole number of 0 or more, found \"many\""),
            ("epochs=-1", ": epochs: expected a whole number of 0 or more, found -1"),
            ("list=['x']", ": list: expected a number, found \"x\""),
            (
                "epoch=5",
                ": epoch: unknown key, expected one of epochs, list, schedule, inner\nhint: did you mean `epochs`?",
            ),
            ("schedule.lr=x", ": schedule.lr: expected a number, found \"x\""),
            ("inner.paths=x", "hint: did you mean `path`?"),
            ("inner.2.path=x", "no entry 2"),
            ("epochs.x=1", "plain value"),
            ("epochs", "expected KEY=VALUE"),
            ("=1", "expected KEY=VALUE"),
            ("outer.deep.er=1", ": outer: unknown key"),
        ] {
            let error = with(&[set]).unwrap_err();
            assert!(error.contains(expected) && error.contains(set), "{set}: {error}");
        }
    }

    #[test]
    fn another_kind_has_no_keys_of_the_old_one() {
        let config = with(&["schedule.kind=constant", "schedule.lr=2"]).unwrap();
        assert_eq!(config.schedule, Schedule::Constant { lr: 2.0 });
    }

    #[test]
    fn an_error_names_the_override_that_it_is_about() {
        let error = with(&["list=[1.0]", "inner.0.rate=fast", "epochs=1"]).unwrap_err();
        assert_eq!(error, "--set inner.0.rate=fast: inner.rate: expected a number, found \"fast\"");
    }

    #[test]
    fn an_error_in_the_file_has_its_line_its_key_and_the_nearest_name() {
        for (text, expected) in [
            (
                "epochs = 3\nlst = []\n",
                "line 2: lst: unknown key, expected one of epochs, list, schedule, inner\nhint: did you mean `list`?",
            ),
            ("zzz = 1", "line 1: zzz: unknown key, expected one of epochs, list, schedule, inner"),
            ("epochs = 2.5", "line 1: epochs: expected a whole number of 0 or more, found 2.5"),
            (
                "epochs = 99999999999",
                "line 1: epochs: expected a whole number up to 4294967295, found 99999999999",
            ),
            ("\n[[inner]]\nrate = true", "line 3: inner.rate: expected a number, found true"),
            ("list = 1.0", "line 1: list: expected a list, found 1.0\nhint: write [1.0]"),
            (
                "[inner]\nrate = 1.0",
                "line 1: inner: expected a list, found a table\nhint: write [[inner]] in double brackets, once for each entry",
            ),
            (
                "schedule = { kind = 'cosin', lr = 1.0 }",
                "line 1: schedule.kind: expected cosine or constant, found `cosin`\nhint: did you mean `cosine`?",
            ),
            (
                "schedule = 'cosine'",
                "line 1: schedule: expected a table with a `kind`, found \"cosine\"\nhint: write it as { kind = \"cosine\" }",
            ),
            (
                "[schedule]\nkind = 'cosine'\nrate = 1.0\nlr = 1.0",
                "line 3: schedule.rate: unknown key, expected lr",
            ),
            ("[schedule]\nkind = 'cosine'\nlr = 'x'", "line 3: schedule.lr: expected a number, found \"x\""),
            (
                "epochs = many",
                "line 1, column 10: not valid TOML: string values must be quoted, expected literal string\n  |\n1 | epochs = many\n  |          ^^^^\nhint: a text is written in quotes",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
    }
}
