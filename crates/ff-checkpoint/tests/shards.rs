//! Weights in several files with an index. tests/golden/weights/programs.py made them with
//! huggingface_hub.

use std::path::{Path, PathBuf};

use ff_checkpoint::{Error, StateDict};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/weights");
const INDEX: &str = "model.safetensors.index.json";

/// Returns a copy of the folder of shards whose index has `from` replaced.
fn edited(from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(format!("{GOLDEN}/sharded")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let index = folder.path().join(INDEX);
    let text = std::fs::read_to_string(&index).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(index, text.replace(from, to)).unwrap();
    folder
}

fn refused(from: &str, to: &str) -> (Error, String) {
    let error = StateDict::open(edited(from, to).path()).unwrap_err();
    let text = error.to_string();
    (error, text)
}

#[test]
fn shards_have_the_tensors_of_one_file() {
    let expected = StateDict::open(format!("{GOLDEN}/expected.safetensors")).unwrap();
    let index = Path::new(GOLDEN).join("sharded").join(INDEX);
    for (path, file) in [
        (index.clone(), index.clone()),
        (Path::new(GOLDEN).join("sharded"), index),
        (
            Path::new(GOLDEN).join("sharded_bin"),
            Path::new(GOLDEN).join("sharded_bin/pytorch_model.bin.index.json"),
        ),
    ] {
        let opened = StateDict::open(&path).unwrap();
        assert!(opened.iter().eq(expected.iter()), "{}", path.display());
        assert_eq!((opened.digest(), opened.path()), (expected.digest(), Some(file.as_path())));
        opened.verify().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("one.safetensors");
        opened.save(&copy, None).unwrap();
        assert_eq!(StateDict::open(&copy).unwrap().digest(), expected.digest());
    }
}

#[test]
fn a_model_in_one_file_comes_before_its_shards() {
    let folder = edited("", "");
    let whole: PathBuf = folder.path().join("model.safetensors");
    std::fs::copy(format!("{GOLDEN}/expected.safetensors"), &whole).unwrap();
    assert_eq!(StateDict::open(folder.path()).unwrap().path(), Some(whole.as_path()));
}

#[test]
fn a_missing_shard_is_named() {
    let folder = edited("", "");
    let shard = folder.path().join("model-00002-of-00003.safetensors");
    std::fs::remove_file(&shard).unwrap();
    let text = StateDict::open(folder.path()).unwrap_err().to_string();
    assert!(text.starts_with(&format!("{}: cannot open this file: ", shard.display())), "{text}");
}

#[test]
fn an_index_has_a_maximum_size() {
    let folder = edited("", "");
    let index = std::fs::File::options().write(true).open(folder.path().join(INDEX)).unwrap();
    index.set_len((1 << 26) + 1).unwrap();
    let text = StateDict::open(folder.path()).unwrap_err().to_string();
    assert!(text.ends_with(": cannot read this file: more than 67108864 bytes"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_shard_is_a_regular_file() {
    let folder = edited("", "");
    let shard = folder.path().join("model-00002-of-00003.safetensors");
    std::fs::remove_file(&shard).unwrap();
    std::os::unix::fs::symlink("/dev/null", &shard).unwrap();
    let text = StateDict::open(folder.path()).unwrap_err().to_string();
    assert_eq!(text, format!("{}: cannot open this file: not a regular file", shard.display()));
}

#[test]
fn an_index_and_its_shards_agree() {
    let bias = "\"norm.bias\": \"model-00002-of-00003.safetensors\"";
    let (_, text) = refused(bias, "\"norm.bias\": \"model-00001-of-00003.safetensors\"");
    assert!(text.contains("model-00001-of-00003.safetensors: expected weights, found no tensor `norm.bias`"));
    let (_, text) = refused(&format!("{bias},"), "");
    assert!(text.contains("model-00002-of-00003.safetensors: expected weights, found tensor `norm.bias`"));
    assert!(text.contains("model.safetensors.index.json does not name for it\nhint: "), "{text}");
}

#[test]
fn a_shard_is_a_file_beside_the_index() {
    for other in ["../model.safetensors", "a/b", "/etc/passwd", "..", ""] {
        let (error, text) = refused("model-00001-of-00003.safetensors", other);
        assert!(matches!(error, Error::NotWeights { .. }));
        assert!(
            text.contains(&format!("found tensor `conv.weight` in `{other}`, which is no name")),
            "{text}"
        );
    }
    let (error, text) = refused("model-00001-of-00003.safetensors", INDEX);
    assert!(matches!(error, Error::NotWeights { .. }) && text.contains("found JSON"), "{text}");
    let (error, text) = refused("weight_map", "other");
    assert!(matches!(error, Error::Json { .. }) && text.contains("weight_map"), "{text}");
}
