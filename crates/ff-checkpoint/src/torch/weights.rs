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

type Tensors<'p> = Vec<(String, Value<'p>)>;

/// Returns the tensors of the weights with their names. The error says what was found.
pub fn find(root: Value<'_>) -> Result<Tensors<'_>, String> {
    for value in KEYS.iter().filter_map(|key| root.get(key)).chain([root]) {
        let found = tensors(value)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let mut sets = Vec::new();
    for (key, value) in root.entries().into_iter().flatten() {
        let found = tensors(value)?;
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

/// Returns the tensors of a state dict, or of a module that was saved whole; none of other values.
fn tensors(value: Value<'_>) -> Result<Tensors<'_>, String> {
    match value.object().and_then(|object| object.state) {
        Some(state) if state.get("_modules").is_some() => of_module(state),
        _ => Ok(of_dict(value, "").collect()),
    }
}

fn of_dict<'p>(value: Value<'p>, prefix: &str) -> impl Iterator<Item = (String, Value<'p>)> {
    let entries = value.entries().into_iter().flatten().filter(|(_, value)| is_tensor(*value));
    entries.filter_map(move |(key, value)| Some((format!("{prefix}{}", key.text()?), value)))
}

/// Returns parameters and buffers of a module, from its state, and those of the modules in it.
fn of_module(state: Value<'_>) -> Result<Tensors<'_>, String> {
    let (mut found, mut modules, mut count) = (Vec::new(), vec![(String::new(), state)], 0);
    while let Some((prefix, state)) = modules.pop() {
        count += 1;
        if count > MAX_MODULES {
            return Err(format!("a model of more than {MAX_MODULES} modules"));
        }
        for part in ["_parameters", "_buffers"].iter().filter_map(|name| state.get(name)) {
            found.extend(of_dict(part, &prefix));
        }
        let inner = state.get("_modules").and_then(Value::entries).into_iter().flatten();
        modules.extend(inner.filter_map(|(key, module)| {
            Some((format!("{prefix}{}.", key.text()?), module.object()?.state?))
        }));
    }
    Ok(found)
}
