//! Checks that the JSON Schemas and the reference page of configurations match the types that they
//! are generated from. `UPDATE=1 cargo test -p ff-grid --test reference` writes them.

mod page;

use std::path::Path;

use ff_grid::{InmergeConfig, RunRecipe, SoupsConfig};
use schemars::{Schema, schema_for};

/// Compares a file of the repository with its expected content, or writes it.
fn check(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} is out of date: the types of the configuration have changed\n\
         hint: UPDATE=1 cargo test -p ff-grid --test reference"
    );
}

fn schemas() -> [(&'static str, Schema); 3] {
    [
        ("soups", schema_for!(SoupsConfig)),
        ("inmerge", schema_for!(InmergeConfig)),
        ("run", schema_for!(RunRecipe)),
    ]
}

#[test]
fn schemas_are_current() {
    for (name, schema) in schemas() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        check(&format!("configs/schema/{name}.json"), &page::plain(&text));
    }
}

#[test]
fn the_reference_is_current() {
    check("docs/reference/configuration.md", &page::page(&schemas()));
}
