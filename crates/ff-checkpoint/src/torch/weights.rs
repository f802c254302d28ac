//! Finds one set of weights in what a program saved beside them.

use ff_pickle::Value;

use super::tensors::is_tensor;

/// The names under which training scripts save the weights, in the order of preference: a model
/// before its moving average, DINO's teacher before its student.
const KEYS: [&str; 12] = [
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "net",
    "network",
    "params",
    "weights",
    "state_dict_ema",
    "model_ema",
    "teacher",
    "student",
];

/// Maximum modules of a model. A few bytes can hold a module in itself.
const MAX_MODULES: usize = 10_000;

/// Maximum bytes of the names of tensors and modules, with 64 more for each. A few bytes can hold the
/// same dictionary in many modules.
const MAX_NAMES: usize = 1 << 26;

type Tensors<'p> = Vec<(String, Value<'p>)>;

/// Returns the tensors of the weights with their names. The error says what was found.
pub fn find(root: Value<'_>) -> Result<Tensors<'_>, String> {
    let mut room = MAX_NAMES;
    for value in KEYS.iter().filter_map(|key| root.get(key)).chain([root]) {
        let found = tensors(value, &mut room)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let mut sets = Vec::new();
    for (key, value) in root.entries().into_iter().flatten() {
        let found = tensors(value, &mut room)?;
        if !found.is_empty() {
            sets.push((key.text().unwrap_or("?"), found));
        }
    }
    match sets.len() {
        0 => Err("a PyTorch file without tensors".to_owned()),
        1 => Ok(sets.remove(0).1),
        _ => {
            let names: Vec<_> = sets.iter().map(|(name, _)| format!("`{name}`")).collect();
            Err(format!("a PyTorch file with several sets of tensors: {}", names.join(", ")))
        }
    }
}

/// Returns the names of the sets of weights after the one that [`find`] returns.
pub fn others(root: Value<'_>) -> Vec<&'static str> {
    let mut room = MAX_NAMES;
    let sets = KEYS.into_iter().filter(|key| {
        let found = root.get(key).map(|value| tensors(value, &mut room));
        matches!(found, Some(Ok(found)) if !found.is_empty())
    });
    sets.skip(1).collect()
}

/// Returns the tensors of a state dict, or of a module that was saved whole; none of other values.
fn tensors<'p>(value: Value<'p>, room: &mut usize) -> Result<Tensors<'p>, String> {
    match value.object().and_then(|object| object.state) {
        Some(state) if state.get("_modules").is_some() => of_module(state, room),
        _ => of_dict(value, "", room),
    }
}

fn of_dict<'p>(value: Value<'p>, prefix: &str, room: &mut usize) -> Result<Tensors<'p>, String> {
    let entries = value.entries().into_iter().flatten().filter(|(_, value)| is_tensor(*value));
    let named = entries.filter_map(|(key, value)| Some((key.text()?, value)));
    named.map(|(name, value)| Ok((joined(prefix, name, room)?, value))).collect()
}

/// Joins the parts of a name, if there is room for it.
fn joined(prefix: &str, name: &str, room: &mut usize) -> Result<String, String> {
    let rest = room.checked_sub(64 + prefix.len() + name.len());
    *room = rest.ok_or_else(|| format!("names of tensors of more than {MAX_NAMES} bytes"))?;
    Ok(format!("{prefix}{name}"))
}

/// Returns parameters and buffers of a module, from its state, and those of the modules in it.
fn of_module<'p>(state: Value<'p>, room: &mut usize) -> Result<Tensors<'p>, String> {
    let (mut found, mut modules, mut count) = (Vec::new(), vec![(String::new(), state)], 0);
    while let Some((prefix, state)) = modules.pop() {
        count += 1;
        if count > MAX_MODULES {
            return Err(format!("a model of more than {MAX_MODULES} modules"));
        }
        for part in ["_parameters", "_buffers"].iter().filter_map(|name| state.get(name)) {
            found.extend(of_dict(part, &prefix, room)?);
        }
        let inner = state.get("_modules").and_then(Value::entries).into_iter().flatten();
        for (key, module) in inner {
            if let (Some(key), Some(state)) = (key.text(), module.object().and_then(|object| object.state)) {
                modules.push((joined(&prefix, &format!("{key}."), room)?, state));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use ff_pickle::Pickle;

    use super::*;

    #[test]
    fn the_names_of_tensors_have_a_maximum_length() {
        let name = "x".repeat(1 << 16);
        let count = |tensors: usize| {
            let mut bytes = b"ctorch._utils\n_rebuild_tensor\n)Rq\x00X\0\0\x01\0".to_vec();
            bytes.extend(name.as_bytes());
            bytes.extend(b"q\x01}(");
            bytes.extend(b"h\x01h\x00".repeat(tensors));
            bytes.extend(b"u.");
            let pickle = Pickle::parse(&bytes, |_, _| true).unwrap();
            find(pickle.root()).map(|found| found.len())
        };
        assert_eq!(count(1000), Ok(1000));
        assert_eq!(count(1024), Err("names of tensors of more than 67108864 bytes".to_owned()));
    }
}
