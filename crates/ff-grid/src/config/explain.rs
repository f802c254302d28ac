//! Errors of toml and serde in the words of a configuration: the key, what was expected, what was
//! found, and a hint.

use toml::de::Error;
use toml::{Table, Value};

/// Explains why a text is no TOML, with the place.
pub(super) fn syntax(error: &Error) -> String {
    let shown = error.to_string();
    let (head, rest) = shown.split_once('\n').unwrap_or((&shown, ""));
    let place = head.strip_prefix("TOML parse error at ").map_or(String::new(), |at| format!("{at}: "));
    let excerpt = rest.trim_end().strip_suffix(error.message()).unwrap_or_default().trim_end();
    let unquoted = ["invalid boolean", "string values must be quoted"];
    let hint = match unquoted.iter().any(|start| error.message().starts_with(start)) {
        true => "\nhint: a text is written in quotes",
        false => "",
    };
    format!("{place}not valid TOML: {}\n{excerpt}{hint}", error.message())
}

/// Explains why a value or a key is refused. `file` has the values in which it is. Returns the key
/// too, if the error's place is that of the table around it.
pub(super) fn explained(error: &Error, file: &Table) -> (String, Option<String>) {
    let message = error.message();
    let mut key = path(error);
    let (own, said) = in_words(message);
    let own = own.or_else(|| culprit(file, &key, &refused(message)?));
    if let Some(own) = &own {
        key = if key.is_empty() { own.clone() } else { format!("{key}.{own}") };
    }
    let start = if key.is_empty() { String::new() } else { format!("{key}: ") };
    let hint = form(message, &key).or_else(|| nearest(message).map(|name| format!("did you mean `{name}`?")));
    (format!("{start}{said}{}", hint.map_or(String::new(), |hint| format!("\nhint: {hint}"))), own)
}

/// A message of the form that [`nearest`] reads, with the nearest name as a hint.
pub(crate) fn with_nearest(message: &str) -> String {
    let hint = nearest(message).map_or(String::new(), |name| format!("\nhint: did you mean `{name}`?"));
    format!("{message}{hint}")
}

/// Returns the dotted key of the value or the table that an error is about. toml tells it only in the
/// text of an error without an excerpt.
pub(super) fn path(error: &Error) -> String {
    let mut error = error.clone();
    error.set_input(None);
    let shown = error.to_string();
    let last = shown.trim_end().rsplit('\n').next().unwrap_or_default();
    last.strip_prefix("in `").and_then(|key| key.strip_suffix('`')).unwrap_or_default().to_owned()
}

/// Returns the key that a message of serde names, and the message in words.
fn in_words(message: &str) -> (Option<String>, String) {
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_owned);
    let (head, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let names = || expected.replace('`', "");
    if head.starts_with("unknown field ") {
        let known = if expected.is_empty() { "none".to_owned() } else { names() };
        return (quoted(head), format!("unknown key, expected {known}"));
    }
    if let Some(found) = head.strip_prefix("unknown variant ") {
        return (None, format!("expected {}, found {found}", names()));
    }
    if let Some(missing) = head.strip_prefix("missing field ") {
        return (None, format!("expected the key {missing}, found none"));
    }
    if let (Some(found), Some(length)) =
        (head.strip_prefix("invalid length "), expected.strip_prefix("an array of length "))
    {
        return (None, format!("expected a list of {length} numbers, found {found}"));
    }
    match found(message) {
        Some(found) => {
            (None, format!("expected {}, found {}", type_in_words(expected, found), value_in_words(found)))
        }
        None => (None, message.to_owned()),
    }
}

/// Returns the value that serde's message shows, such as ``integer `3` ``.
fn found(message: &str) -> Option<&str> {
    let (head, _) = message.split_once(", expected ")?;
    head.strip_prefix("invalid type: ").or_else(|| head.strip_prefix("invalid value: "))
}

/// Returns the value that a message refuses, as [`shown`] has it.
fn refused(message: &str) -> Option<String> {
    match message.strip_prefix("unknown variant `") {
        Some(rest) => rest.split('`').next().map(|name| format!("string {name:?}")),
        None => found(message).map(str::to_owned),
    }
}

fn value_in_words(found: &str) -> String {
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        _ => match ["string ", "integer ", "floating point ", "boolean "]
            .iter()
            .find_map(|of| found.strip_prefix(of))
        {
            Some(value) => value.trim_matches('`').to_owned(),
            None => found.to_owned(),
        },
    }
}

fn type_in_words(expected: &str, found: &str) -> String {
    let most = match expected {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "u64" | "usize" => u64::MAX,
        "i64" => return "a whole number".to_owned(),
        "f32" | "f64" => return "a number".to_owned(),
        "a sequence" => return "a list".to_owned(),
        "a boolean" => return "true or false".to_owned(),
        "a string" => return "a text in quotes".to_owned(),
        "a map" => return "a table".to_owned(),
        other if other.starts_with("struct ") => return "a table".to_owned(),
        other if other.starts_with(TAGGED) => return "a table with a `kind`".to_owned(),
        other => return other.to_owned(),
    };
    match found.starts_with("integer ") && !found.contains('-') {
        true => format!("a whole number up to {most}"),
        false => "a whole number of 0 or more".to_owned(),
    }
}

/// How serde's messages name an enum whose variants are told apart by a key.
const TAGGED: &str = "internally tagged enum ";

/// Returns how a value is written, where its form is wrong.
fn form(message: &str, key: &str) -> Option<String> {
    let (_, expected) = message.split_once(", expected ")?;
    let text = found(message)?.strip_prefix("string ");
    match text {
        Some(text) if expected == "a map" && key.ends_with("source") => {
            Some(format!("write a folder of images as {{ kind = \"folder\", path = {text} }}"))
        }
        Some(text) if expected.starts_with(TAGGED) => Some(format!("write it as {{ kind = {text} }}")),
        None if found(message)? == "map" && expected == "a sequence" => {
            Some(format!("write [[{key}]] in double brackets, once for each entry"))
        }
        None if expected == "a sequence" => Some(format!("write [{}]", value_in_words(found(message)?))),
        _ => None,
    }
}

/// Returns the key of the value that was found in the tables at `path`, since serde forgets the keys
/// inside a table that it tells apart by its `kind`. Nothing if several keys have this value, or if it
/// is a list or a table.
fn culprit<'a>(file: &'a Table, path: &str, found: &str) -> Option<String> {
    let mut at: Vec<&Value> = Vec::new();
    for (depth, part) in path.split('.').enumerate() {
        let next: Vec<&Value> = match depth {
            0 => file.get(part).into_iter().collect(),
            _ => at.iter().filter_map(|value| value.get(part)).collect(),
        };
        let entries = |value: &'a Value| match value {
            Value::Array(entries) => entries.iter().collect(),
            other => vec![other],
        };
        at = next.into_iter().flat_map(entries).collect();
    }
    let mut keys: Vec<&String> = at
        .iter()
        .filter_map(|value| value.as_table())
        .flatten()
        .filter(|(_, value)| shown(value) == found)
        .map(|(key, _)| key)
        .collect();
    keys.dedup();
    if let [key] = keys[..] { Some(key.clone()) } else { None }
}

/// Returns how serde's messages show a value.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("string {text:?}"),
        Value::Integer(number) => format!("integer `{number}`"),
        Value::Float(number) => format!("floating point `{number}`"),
        Value::Boolean(value) => format!("boolean `{value}`"),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => String::new(),
    }
}

/// The name that was meant, of those that a message lists: ``unknown field `epoch`, expected one of
/// `epochs`, `seed` ``.
fn nearest(message: &str) -> Option<&str> {
    let (unknown, known) = message.split_once("expected ")?;
    let unknown = unknown.starts_with("unknown ").then(|| unknown.split('`').nth(1))??;
    let close = |name: &&str| {
        let part = if unknown.len() > 1 && name.contains(unknown) { 0.81 } else { 0.0 };
        strsim::jaro_winkler(unknown, name).max(part)
    };
    let words = known.split([',', ' ']).map(|word| word.trim_matches('`'));
    let name = words
        .filter(|word| !["", "one", "of", "or"].contains(word))
        .max_by(|a, b| close(a).total_cmp(&close(b)))?;
    (close(&name) > 0.8).then_some(name)
}
