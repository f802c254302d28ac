//! Averages files of weights in one line, and verifies that the soup is their average.
//!
//!     cargo run -p ff-soup --example average [-- FILES…]
//!
//! Without files, three are made in a temporary folder.

use std::path::{Path, PathBuf};

use ff_soup::{Error, Ingredients, OwnedTensor, StateDict, verify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        paths = three_files(folder.path())?;
    }

    let output = folder.path().join("soup.safetensors");
    Ingredients::open(&paths)?.average()?.save(&output)?;

    let soup = StateDict::open(&output)?;
    println!("{} tensors, digest {}", soup.len(), soup.digest());
    for parent in &soup.provenance()?.parents {
        println!("{:.3} of {}", parent.weight.unwrap_or_default(), parent.id);
    }
    verify(&soup, &StateDict::open_all(&paths)?, &[])?;
    println!("verified: the soup is the average of these files, bit for bit");
    Ok(())
}

/// Writes three small files of weights.
fn three_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for (name, values) in [("a", [1.0, 2.0]), ("b", [3.0, 4.0]), ("c", [5.0, 0.0])] {
        let path = folder.join(name).with_extension("safetensors");
        let tensors = [("fc.weight".to_owned(), OwnedTensor::f32([2], &values))];
        StateDict::from_tensors(tensors.into()).save(&path, None)?;
        paths.push(path);
    }
    Ok(paths)
}
