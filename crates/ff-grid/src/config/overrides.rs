//! How a configuration is read: defaults, the file over them, and `key=value` over both.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Reads a configuration: what `text` leaves out is as in `defaults`.
pub(crate) fn read_toml<T: DeserializeOwned + Serialize>(text: &str, defaults: &T) -> Result<T, String> {
    let file: Table = toml::from_str(text).map_err(|error| explained(&error))?;
    let mut root = value_from(defaults)?;
    overlay(&mut root, Value::Table(file));
    root.try_into().map_err(|error| located::<T>(text).unwrap_or_else(|| explained(&error)))
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
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(format!("--set {assignment}: expected key=value"));
        };
        let path: Vec<&str> = key.trim().split('.').map(str::trim).collect();
        put(&mut root, &path, &value_of(value.trim())).map_err(|why| format!("--set {assignment}: {why}"))?;
    }
    root.try_into().map_err(|error| format!("with --set {}: {}", set.join(" "), explained(&error)))
}

fn value_from<T: Serialize>(config: &T) -> Result<Value, String> {
    Value::try_from(config).map_err(|error| error.to_string())
}

/// The same error with its line and column, which only reading from text tells. A key that is
/// missing there may have a default.
fn located<T: DeserializeOwned>(text: &str) -> Option<String> {
    let error = toml::from_str::<T>(text).err()?;
    (!error.message().starts_with("missing field")).then(|| explained(&error))
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

/// What serde's messages say of types, and in words.
const TYPES: [(&str, &str); 4] = [
    ("expected usize", "expected an integer of 0 or more"),
    ("expected u64", "expected an integer of 0 or more"),
    ("expected u32", "expected an integer from 0 to 4294967295"),
    ("expected f64", "expected a number"),
];

/// An error's text, with the nearest of the names that it lists as a hint.
fn explained(error: &toml::de::Error) -> String {
    let text = TYPES.iter().fold(error.to_string(), |text, (of_rust, words)| text.replace(of_rust, words));
    nearest(error.message()).map_or_else(|| text.clone(), |name| hinted(&text, name))
}

/// A message of the form that [`nearest`] reads, with the nearest name as a hint.
pub(crate) fn with_nearest(message: &str) -> String {
    nearest(message).map_or_else(|| message.to_owned(), |name| hinted(message, name))
}

fn hinted(text: &str, name: &str) -> String {
    format!("{}\nhint: did you mean `{name}`?", text.trim_end())
}

/// The name that was meant, of those that a message lists: ``unknown field `epoch`, expected one of
/// `epochs`, `seed` ``.
fn nearest(message: &str) -> Option<&str> {
    let (unknown, known) = message.split_once("expected ")?;
    let unknown = unknown.starts_with("unknown ").then(|| unknown.split('`').nth(1))??;
    let close = |name: &&str| strsim::jaro_winkler(unknown, name);
    let words = known.split([',', ' ']).map(|word| word.trim_matches('`'));
    let name = words
        .filter(|word| !["one", "of", "or"].contains(word))
        .max_by(|a, b| close(a).total_cmp(&close(b)))?;
    (close(&name) > 0.8).then_some(name)
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
        Value::Table(table) => match table.get_mut(*key) {
            Some(inner) => put(inner, rest, value),
            None if rest.is_empty() => {
                table.insert((*key).to_owned(), value.clone()); // an optional key; an unknown one fails later
                Ok(())
            }
            None if key.is_empty() => Err("an empty key".to_owned()),
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
        assert!(read("schedule = { kind = 'constant' }").unwrap_err().contains("missing field `lr`"));
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
            ("epochs=many", "invalid type: string \"many\", expected an integer from 0 to 4294967295"),
            ("epochs=-1", "invalid value: integer `-1`, expected an integer from 0"),
            ("list=['x']", "invalid type: string \"x\", expected a number"),
            ("epoch=5", "unknown field `epoch`"),
            ("inner.paths=x", "hint: did you mean `path`?"),
            ("inner.2.path=x", "no entry 2"),
            ("epochs.x=1", "plain value"),
            ("epochs", "expected key=value"),
            ("outer.deep.er=1", "unknown field `outer`"),
        ] {
            let error = with(&[set]).unwrap_err();
            assert!(error.contains(expected) && error.contains(set), "{set}: {error}");
        }
    }

    #[test]
    fn an_error_in_the_file_has_its_line_and_the_nearest_key() {
        let error = read("epochs = 3\nlst = []\n").unwrap_err();
        assert!(error.contains("line 2") && error.ends_with("hint: did you mean `list`?"), "{error}");
        let error = read("schedule = { kind = 'cosin', lr = 1.0 }").unwrap_err();
        assert!(error.contains("line 1") && error.ends_with("hint: did you mean `cosine`?"), "{error}");
        let error = read("zzz = 1").unwrap_err();
        assert!(error.contains("unknown field `zzz`") && !error.contains("hint"), "{error}");
    }
}
