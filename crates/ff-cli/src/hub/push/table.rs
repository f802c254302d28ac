//! The folder of a table's soup, and its form on the hub.
//!
//! | in the repository | in the folder |
//! |---|---|
//! | `README.md` | `soup.md`, the model card |
//! | `model.safetensors` | `soup.safetensors` |
//! | `config.json` | `timm/config.json` |
//! | `soup.json` | `soup.json`, to which the card refers |
//!
//! timm, transformers and this program look for `config.json` and `model.safetensors` at the top.
//! `timm/model.safetensors` is a link to the soup or a copy, so the weights are uploaded once.

use std::path::Path;

use anyhow::bail;

use super::local_file::LocalFile;
use crate::hub::repository::Repository;

const FILES: [(&str, &str); 4] = [
    ("README.md", "soup.md"),
    ("model.safetensors", "soup.safetensors"),
    ("config.json", "timm/config.json"),
    ("soup.json", "soup.json"),
];

/// Returns whether a folder is a table's: one with a soup, or one whose folders have them.
pub fn is_one(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    has("soup.safetensors") && has("soup.json") || has("table.json")
}

/// Returns the files of a table's folder. An architecture that timm does not have is without
/// `config.json`.
///
/// # Errors
/// The folder has no soup, or a file cannot be read.
pub fn files(folder: &Path, repository: &Repository) -> anyhow::Result<Vec<LocalFile>> {
    if !folder.join("soup.safetensors").is_file() {
        bail!(
            "{}: expected a folder with soup.safetensors, found a table of several models or of none\n\
             hint: upload the folder of one model, BACKBONE/DATASET in it",
            folder.display()
        );
    }
    let mut files = Vec::new();
    for (name, local) in FILES {
        let path = folder.join(local);
        if local == "timm/config.json" && !path.exists() {
            continue;
        }
        let file = LocalFile::open(name.to_owned(), path)?;
        files.push(match name {
            "README.md" => {
                let card = String::from_utf8_lossy(&file.read(u64::MAX)?).into_owned();
                file.with_text(card_on_hub(&card, repository))
            }
            _ => file,
        });
    }
    Ok(files)
}

/// What a card says of its folder.
const WEIGHTS: &str = "soup.safetensors";
const BESIDE: &str = ", from the folder `timm` beside this file:";
const LOCAL: &str = "local-dir:timm";

/// Returns a card whose names of files and whose example are those of the repository.
fn card_on_hub(card: &str, repository: &Repository) -> String {
    let Repository { id, revision } = repository;
    let at = if revision == "main" { String::new() } else { format!("@{revision}") };
    card.replace(WEIGHTS, "model.safetensors")
        .replace(BESIDE, ":")
        .replace(LOCAL, &format!("hf-hub:{id}{at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source of the cards, so that a change of its words fails here.
    const CARD: &str = include_str!("../../../../ff-grid/src/experiment/soups/card.rs");

    #[test]
    fn a_card_names_its_repository() {
        for words in [WEIGHTS, BESIDE, LOCAL] {
            assert!(CARD.contains(words), "no card says `{words}`");
        }
        let on = |branch: &str| {
            card_on_hub(CARD, &Repository { id: "clinic/net".into(), revision: branch.into() })
        };
        assert!(on("main").contains("In Python:\n\n```python"));
        assert!(on("main").contains(r#"timm.create_model("hf-hub:clinic/net", pretrained=True)"#));
        assert!(on("v2").contains(r#""hf-hub:clinic/net@v2""#));
        assert!(on("main").contains("--model model.safetensors") && !on("main").contains(WEIGHTS));
    }
}
