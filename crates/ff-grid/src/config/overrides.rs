//! `key=value` over a TOML document.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Parses `text`, with each override put in place of what the file says.
///
/// An override is checked as the file is: the key must exist in the type, and the value must be of
/// its type. A value that is not TOML (`weights=model.safetensors`) is taken as a string.
pub fn parse_with_overrides<T: DeserializeOwned>(text: &str, set: &[String]) -> Result<T, String> {
    if set.is_empty() {
        // Straight from the text: errors point at line and column.
        return toml::from_str(text).map_err(|error| error.to_string());
    }
    let mut root = Value::Table(toml::from_str(text).map_err(|error| error.to_string())?);
    for assignment in set {
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(format!("--set {assignment}: expected key=value"));
        };
        let path: Vec<&str> = key.trim().split('.').map(str::trim).collect();
        put(&mut root, &path, &value_of(value.trim())).map_err(|why| format!("--set {assignment}: {why}"))?;
    }
    root.try_into().map_err(|error: toml::de::Error| {
        let set = set.join(" ");
        format!("with --set {set}: {error}")
    })
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
        *at = match (&*at, value) {
            // 1 where the file has 1.0 is a number all the same.
            (Value::Float(_), Value::Integer(integer)) => Value::Float(*integer as f64),
            _ => value.clone(),
        };
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
        _ => Err(format!("`{key}` is not a key of anything: what stands before it is a plain value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        path: String,
        rate: f64,
        note: Option<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        epochs: u32,
        list: Vec<f64>,
        inner: Vec<Inner>,
    }

    const TEXT: &str =
        "epochs = 3\nlist = [1.0]\n[[inner]]\npath = 'a'\nrate = 0.5\n[[inner]]\npath = 'b'\nrate = 0.5\n";

    fn with(set: &[&str]) -> Result<Outer, String> {
        parse_with_overrides(TEXT, &set.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn values_are_put_where_they_belong() {
        let config =
            with(&["epochs=5", "list=[1e-3, 0.1]", "inner.path=w.safetensors", "inner.1.rate=2"]).unwrap();
        assert_eq!((config.epochs, config.list.as_slice()), (5, [1e-3, 0.1].as_slice()));
        assert_eq!(
            (config.inner[0].path.as_str(), config.inner[1].path.as_str()),
            ("w.safetensors", "w.safetensors")
        );
        assert_eq!((config.inner[0].rate, config.inner[1].rate), (0.5, 2.0));
        assert_eq!(with(&["inner.0.note='hi'"]).unwrap().inner[0].note.as_deref(), Some("hi"));
    }

    #[test]
    fn values_are_checked_like_the_file() {
        for (set, expected) in [
            ("epochs=many", "epochs"),
            ("epochs=-1", "epochs"),
            ("epoch=5", "unknown field `epoch`"),
            ("inner.paths=x", "unknown field `paths`"),
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
    fn the_file_alone_reports_the_line() {
        let error = parse_with_overrides::<Outer>("epochs = 3\nlst = []\n", &[]).unwrap_err();
        assert!(error.contains("line 2") && error.contains("lst"), "{error}");
    }
}
