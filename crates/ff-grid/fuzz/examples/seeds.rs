//! Writes a corpus for each fuzz target to `corpus/`: the configurations and golden files of this
//! repository, and the files of runs folders that are named on the command line.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let save = |target: &str, number: usize, parts: &[&[u8]]| {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder).expect("a writable folder");
        fs::write(folder.join(number.to_string()), parts.concat()).expect("a writable folder");
    };
    let mut places = vec![here.join("../../../configs"), here.join("../../../tests/golden")];
    places.extend(std::env::args_os().skip(1).map(PathBuf::from));
    let mut files = Vec::new();
    places.iter().for_each(|place| list(place, &mut files));
    for (number, path) in files.iter().enumerate() {
        let bytes = fs::read(path).expect("a file");
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => save("config", number, &[&bytes]),
            Some("json") => {
                save("record", number, &[&[0], &bytes]);
                save("record", number + files.len(), &[&[1], &bytes]);
            }
            Some("safetensors") if bytes.len() < 1 << 16 => {
                save("weights", number, &[&bytes]);
                save("predictions", number, &[&bytes]);
            }
            _ => {}
        }
    }
}

fn list(place: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
    files.sort();
}
