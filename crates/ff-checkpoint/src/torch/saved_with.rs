//! Reads as JSON what a program saved beside the weights.

use ff_pickle::Value;
use serde_json::{Map, Number, Value as Json};

/// Maximum values that are kept. The arguments of a training script are some hundred.
const MAX_KEPT: usize = 10_000;

/// Maximum values that are visited. A few bytes can hold a list in itself.
const MAX_VISITED: usize = 1 << 20;

/// Maximum length of a text, in bytes.
const MAX_TEXT: usize = 4096;

/// Maximum depth of values in values.
const MAX_DEPTH: usize = 16;

/// Returns the plain values of a dictionary, and of those in it. Values without a form in JSON,
/// such as tensors, are left out, a list with such a value as a whole; so is what is empty then.
pub fn plain(root: Value<'_>) -> Map<String, Json> {
    match (Room { kept: MAX_KEPT, visited: MAX_VISITED }).value(root, MAX_DEPTH) {
        Some(Json::Object(values)) => values,
        _ => Map::new(),
    }
}

/// How many more values may be kept and visited.
struct Room {
    kept: usize,
    visited: usize,
}

impl Room {
    fn value(&mut self, value: Value<'_>, depth: usize) -> Option<Json> {
        let before = self.kept;
        self.visited = self.visited.checked_sub(1)?;
        self.kept = self.kept.checked_sub(1)?;
        let plain = scalar(value).or_else(|| self.container(value, depth.checked_sub(1)?));
        if plain.is_none() {
            self.kept = before;
        }
        plain
    }

    fn container(&mut self, value: Value<'_>, depth: usize) -> Option<Json> {
        if let Some(items) = value.items() {
            let list: Option<Vec<Json>> = items.map(|item| self.value(item, depth)).collect();
            return list.map(Json::from);
        }
        let mut kept = Map::new();
        for (key, value) in fields(value)? {
            if let Some(key) = name(key)
                && let Some(value) = self.value(value, depth)
            {
                kept.insert(key, value);
            }
        }
        (!kept.is_empty()).then(|| kept.into())
    }
}

fn scalar(value: Value<'_>) -> Option<Json> {
    if value.is_none() {
        return Some(Json::Null);
    }
    let number = || value.integer().map(Number::from).or_else(|| Number::from_f64(value.float()?));
    let text = || value.text().filter(|text| text.len() <= MAX_TEXT);
    value.boolean().map(Json::from).or_else(|| number().map(Json::from)).or_else(|| text().map(Json::from))
}

/// Returns a key as JSON has them: a text, or the digits of an integer.
fn name(key: Value<'_>) -> Option<String> {
    let text = key.text().map(str::to_owned).or_else(|| key.integer().map(|number| number.to_string()));
    text.filter(|text| text.len() <= MAX_TEXT)
}

/// Returns the attributes of a namespace, or the entries of a dictionary.
fn fields(value: Value<'_>) -> Option<impl Iterator<Item = (Value<'_>, Value<'_>)>> {
    match value.object() {
        Some(object) if object.is("argparse", "Namespace") || object.is("types", "SimpleNamespace") => {
            object.state?.entries()
        }
        _ => value.entries(),
    }
}

#[cfg(test)]
mod tests {
    use ff_pickle::Pickle;

    use super::*;

    fn read(pickle: &[u8]) -> Map<String, Json> {
        plain(Pickle::parse(pickle, |_, _| false).unwrap().root())
    }

    #[test]
    fn values_beyond_the_limits_are_left_out() {
        let list = |length: usize| {
            [&b"\x80\x02}X\x01\0\0\0a]("[..], &b"K\x01".repeat(length), b"esX\x01\0\0\0bK\x02s."].concat()
        };
        let kept = read(&list(MAX_KEPT - 3));
        assert_eq!((kept["a"].as_array().unwrap().len(), &kept["b"]), (MAX_KEPT - 3, &2.into()));
        assert_eq!(read(&list(MAX_KEPT - 2)).keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(read(&list(MAX_KEPT + 1)), Map::from_iter([("b".to_owned(), 2.into())]));
        // Dictionaries of ten dictionaries of ten dictionaries.
        let mut pickle = b"\x80\x02}q\x00".to_vec();
        for level in 1..12 {
            pickle.extend([b'}', b'q', level, b'(']);
            (0..10).for_each(|key| pickle.extend([b'K', key, b'h', level - 1]));
            pickle.push(b'u');
        }
        pickle.push(b'.');
        assert!(read(&pickle).is_empty());
        let deep = |depth: usize| {
            [&b"}X\x01\0\0\0a"[..], &b"(".repeat(depth), b"N", &b"l".repeat(depth), b"s."].concat()
        };
        assert_eq!((read(&deep(MAX_DEPTH - 1)).len(), read(&deep(MAX_DEPTH)).len()), (1, 0));
    }
}
