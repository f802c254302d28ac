//! The order of classes that a dataset names but does not number.

/// Sorts class names in the order of their indices: by value if all are integers, else by name.
pub fn class_order(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    let value = |name: &String| name.parse::<i64>().ok();
    if names.iter().all(|name| value(name).is_some()) {
        names.sort_by_key(value);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_ordered_by_value() {
        let order = |names: &[&str]| class_order(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(order(&["10", "9", "2", "9"]), ["2", "9", "10"]);
        assert_eq!(order(&["b", "10", "9"]), ["10", "9", "b"]);
    }
}
