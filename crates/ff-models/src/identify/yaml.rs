//! Reads YAML as JSON.

use ff_checkpoint::serde_json::{self, Map, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

/// Maximum depth of values in values.
const MAX_DEPTH: usize = 32;

/// Reads the first document of a text. Tags are ignored, so that a Python tuple or object is a list
/// or a map of its parts. Aliases are null, since a few of them can stand for any number of values.
/// Entries whose key is a list or a map, which JSON does not have, are left out.
///
/// The error says what is wrong with the text.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut events = Parser::new_from_str(text);
    loop {
        match next(&mut events)? {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            event => return value(&mut events, event, MAX_DEPTH),
        }
    }
}

fn next<'t>(events: &mut Parser<'t, StrInput<'t>>) -> Result<Event<'t>, String> {
    let (event, _) = events.next().ok_or("an early end")?.map_err(|error| error.to_string())?;
    Ok(event)
}

/// Reads the value that begins with an event.
fn value<'t>(events: &mut Parser<'t, StrInput<'t>>, event: Event<'t>, depth: usize) -> Result<Value, String> {
    let depth = depth.checked_sub(1).ok_or("values at too great a depth")?;
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => Ok(plain(&text)),
        Event::Scalar(text, ..) => Ok(Value::from(&*text)),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match next(events)? {
                    Event::SequenceEnd => return Ok(items.into()),
                    item => items.push(value(events, item, depth)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries = Map::new();
            loop {
                let key = match next(events)? {
                    Event::MappingEnd => return Ok(entries.into()),
                    key => value(events, key, depth)?,
                };
                let item = next(events)?;
                let item = value(events, item, depth)?;
                entries.extend(name(key).map(|key| (key, item)));
            }
        }
        _ => Ok(Value::Null),
    }
}

/// Returns a key as JSON has them. A map in a map's key, as text, would double in length at each depth.
fn name(key: Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}

/// Reads a text without quotes: null, a boolean or a number in the forms that they have in JSON.
fn plain(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => value,
        _ if text.is_empty() || text == "~" => Value::Null,
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::serde_json::json;

    use super::*;

    #[test]
    fn what_python_writes_is_read() {
        let text = r#"
classes: !!python/tuple
- a
- 'no'
- "caf\xE9"
- 'it''s'
cfg: !!python/object:argparse.Namespace
  a: 1
  b:
    c:
    - 1.0e-05
    - .inf
empty: {}
flow: [3, 224, 224]
long: one two
  three
mean: null
nothing:
twice: &id001
- 1
again: *id001
1: one
yes: true
"#;
        let expected = json!({
            "classes": ["a", "no", "café", "it's"], "cfg": {"a": 1, "b": {"c": [1e-5, ".inf"]}}, "empty": {},
            "flow": [3, 224, 224], "long": "one two three", "mean": null, "nothing": null, "twice": [1],
            "again": null, "1": "one", "yes": true,
        });
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("").unwrap(), Value::Null);
    }

    #[test]
    fn lists_and_maps_are_no_keys() {
        let text = "? [1, 2]\n: 3\n? {a: 1}\n: 3\nb: 4\n";
        assert_eq!(parse(text).unwrap(), json!({"b": 4}));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["a: [1", "a: b: c", "\"a"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"- ".repeat(100)).is_err() && parse(&"[".repeat(100)).is_err());
    }
}
