//! Writes a corpus for each fuzz target to `corpus/`, from the golden files.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ff_data_fuzz::SYNTAXES;
use ff_data_fuzz::tables::{KINDS, SPLIT};

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = here.join("../../../tests/golden");
    let corpus = here.join("corpus");
    let save = |target: &str, name: &str, parts: &[&[u8]]| {
        fs::create_dir_all(corpus.join(target)).expect("a writable folder");
        fs::write(corpus.join(target).join(name), parts.concat()).expect("a writable folder");
    };
    for (folder, name, bytes) in files(&golden) {
        let chosen = |choices: &[(&str, u8)]| {
            choices.iter().find(|(start, _)| name.starts_with(start)).map_or(0, |(_, choice)| *choice)
        };
        match (folder.as_str(), name.rsplit_once('.').map_or("", |(_, extension)| extension)) {
            ("data", "jpg" | "png" | "tif" | "bmp" | "gif" | "webp" | "pbm" | "pgm" | "ppm" | "pam") => {
                save("decode", &name, &[&bytes]);
            }
            ("dicom", "dcm") => {
                save("decode", &name, &[&bytes]);
                save("dicom", &name, &[&[255], &bytes[132..]]);
                // The data set alone, under its own transfer syntax.
                let length = u32::from_le_bytes(bytes[140..144].try_into().expect("a group length")) as usize;
                let (meta, data_set) = bytes[144..].split_at(length);
                let has = |uid: &str| {
                    let uid = [uid.as_bytes(), &[0]].concat();
                    meta.windows(uid.len()).any(|found| found == uid)
                };
                let syntax = SYNTAXES.iter().position(|end| has(&format!("1.2.840.10008.1.2{end}")));
                if let Some(choice) = syntax {
                    save("dicom", &format!("{name}-data-set"), &[&[choice as u8], data_set]);
                }
            }
            ("cifar-10-batches-py", _) => save("pickle", &name, &[&[0], &bytes]),
            ("cifar-100-python", _) => save("pickle", &name, &[&[1], &bytes]),
            ("datasets", "npy") => save("npy", &name, &[&[u8::from(name.contains("labels"))], &bytes]),
            ("datasets", "npz") => {
                let sets = [("chest", 1), ("blood", 2), ("oct", 3), ("derma", 4)];
                save("npz", &name, &[&[chosen(&sets)], &bytes]);
            }
            ("weights", extension) if extension != "py" => {
                save("weights", &name, &[&[1], &bytes]);
            }
            ("datasets", "xls") => save("xls", &name, &[&bytes]),
            _ => {}
        }
    }
    for (choice, kind) in KINDS.iter().enumerate() {
        let text = kind.example.as_bytes();
        let bytes = if kind.file.ends_with(".gz") { gzip(text) } else { text.to_vec() };
        save("table", kind.folder, &[&[choice as u8], &bytes]);
        let recipe = format!("path = 'x'\n{}", kind.recipe);
        save("recipe", kind.folder, &[recipe.as_bytes()]);
    }
    save("table", "split", &[&[KINDS.len() as u8], SPLIT.as_bytes()]);
    for (name, text) in [
        (
            "phantom",
            "kind = 'phantom'\ntask = 'grades'\nimage_size = 32\ntrain = 8\nval = 8\ntest = 8\nseed = 1\nshifted = true",
        ),
        ("cifar10.1", "kind = 'cifar10.1'\npath = 'x'\nversion = 'v4'"),
        ("mimic-only", "kind = 'mimic-cxr'\npath = 'x'\nonly = 'test'"),
        ("official", "kind = 'official'"),
        ("ratio", "kind = 'ratio'\ntrain = 0.8\nval = 0.1\ntest = 0.1\nseed = 7\ngrouped = true"),
        ("csv", "kind = 'csv'\npath = 'x'"),
    ] {
        save("recipe", name, &[text.as_bytes()]);
    }
    for (name, bytes) in [
        ("records", [2, 0, 1, 2, 3, 4].as_slice()),
        ("beside", &[2 + 3 * 22, 0, 64, 50, 1, 2, 130, 9, 9, 3]),
        ("prepared", &[2 + 3 * 43, 4, 65, 3, 1, 3]),
        ("head", b"\x01pict\x01\0\0\0\x03\0\0\0\x03\0\0\0................"),
        ("raw", b"\x03ff-data pack\x01\0\0\0"),
    ] {
        save("pack", name, &[bytes]);
    }
    let zeros = "0".repeat(64);
    save("hashes", "line", &[format!("0123456789abcdef {zeros} 67 1700000000000000000 /a.png\n").as_bytes()]);
}

/// Returns folder, name and bytes of every golden file for data.
fn files(golden: &Path) -> Vec<(String, String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in ["data", "data/cifar-10-batches-py", "data/cifar-100-python", "dicom", "datasets", "weights"] {
        let last = folder.rsplit('/').next().expect("a name");
        for entry in fs::read_dir(golden.join(folder)).expect("the golden files").flatten() {
            if entry.path().is_file() {
                let bytes = fs::read(entry.path()).expect("a golden file");
                files.push((last.to_owned(), entry.file_name().to_string_lossy().into_owned(), bytes));
            }
        }
    }
    files
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut command = Command::new("gzip");
    let mut child =
        command.arg("-nc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program gzip");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("a pipe");
    child.wait_with_output().expect("the program gzip").stdout
}
