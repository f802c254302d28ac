//! PyTorch's own files, those of training programs, and files that are not weights.
//! tests/golden/weights/make.py and programs.py made the files.

use std::path::{Path, PathBuf};

use ff_checkpoint::serde_json::{Value, json};
use ff_checkpoint::{Dtype, Error, Form, StateDict};

fn golden(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/weights")).join(name)
}

fn error(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let error = StateDict::open(&path).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(name) && text.contains("hint: "), "{text}");
    assert!(matches!(error, Error::NotWeights { .. }));
    text
}

#[test]
fn every_form_has_the_same_tensors() {
    let expected = StateDict::open(golden("expected.safetensors")).unwrap();
    assert_eq!(expected.len(), 6);
    let files = [
        "bare.pth",
        "legacy.pth",
        "protocol4.pth",
        "training.pth.tar",
        "training_legacy.pth.tar",
        "whole.pt",
        "channels_last.pth",
        "views.pth",
    ];
    for file in files {
        let opened = StateDict::open(golden(file)).unwrap();
        assert_eq!(opened.digest(), expected.digest(), "{file}");
        for ((name, tensor), (expected_name, expected)) in opened.iter().zip(expected.iter()) {
            assert_eq!((name, tensor), (expected_name, expected), "{file}");
        }
        assert_eq!(opened.path(), Some(golden(file).as_path()));
        assert!(opened.verify().is_ok() && opened.provenance().is_err());
    }
}

#[test]
fn a_file_tells_its_form_and_size() {
    for (file, form) in [
        ("expected.safetensors", Form::Safetensors),
        ("channels_last.pth", Form::TorchZip),
        ("legacy.pth", Form::TorchLegacy),
    ] {
        let opened = StateDict::open(golden(file)).unwrap();
        let size = std::fs::metadata(golden(file)).unwrap().len() as usize;
        assert_eq!(opened.files(), [(form, size)], "{file}");
    }
    let shards = StateDict::open(golden("sharded")).unwrap();
    assert_eq!(shards.files().iter().map(|file| file.0).collect::<Vec<_>>(), [Form::Safetensors; 3]);
    assert!(StateDict::from_tensors([].into()).files().is_empty());
}

#[test]
fn files_of_training_programs_have_the_weights() {
    let expected = StateDict::open(golden("expected.safetensors")).unwrap();
    for file in ["timm.pth.tar", "monai.pt", "model_3.pth", "tutorial.pth", "described.safetensors"] {
        let opened = StateDict::open(golden(file)).unwrap();
        assert!(opened.iter().eq(expected.iter()), "{file}");
    }
    let opened = StateDict::open(golden("lightning.ckpt")).unwrap();
    let bare = opened.iter().map(|(name, tensor)| (name.strip_prefix("model.").unwrap(), tensor));
    assert!(bare.eq(expected.iter()));
}

/// Returns what was saved beside the weights of a file.
fn saved_with(name: &str) -> Value {
    StateDict::open(golden(name)).unwrap().saved_with().clone().into()
}

#[test]
fn other_sets_of_weights_are_named() {
    let others = |name: &str| StateDict::open(golden(name)).unwrap().other_sets().to_vec();
    assert_eq!(others("training.pth.tar"), ["state_dict_ema"]);
    assert_eq!(others("training_legacy.pth.tar"), ["state_dict_ema"]);
    assert_eq!(others("timm.pth.tar"), ["state_dict_ema"]);
    assert_eq!(others("model_3.pth"), ["model_ema"]);
    for file in ["bare.pth", "whole.pt", "tutorial.pth", "expected.safetensors", "sharded"] {
        assert!(others(file).is_empty(), "{file}");
    }
}

#[test]
fn plain_values_beside_the_weights_are_read() {
    let saved = saved_with("timm.pth.tar");
    assert_eq!((&saved["arch"], &saved["epoch"]), (&json!("tiny"), &json!(4)));
    // The interpolation and the device are of other classes.
    let args = json!({
        "model": "tiny", "num_classes": 3, "mean": null, "std": [0.5, 0.5, 0.5], "img_size": 96,
        "class_map": "", "lr": 1e-5, "betas": [0.9, 0.99],
    });
    assert_eq!(saved["args"], args);
    assert!(saved["state_dict"].is_null() && saved["metric"].is_null());

    let classes = json!(["benign", "malignant", "café"]);
    let saved = saved_with("lightning.ckpt");
    let parameters = json!({
        "model_name": "tiny", "num_classes": 3, "classes": &classes, "lr": 0.0, "optimizer": {"name": "sgd"},
    });
    assert_eq!(saved["hyper_parameters"], parameters);
    assert!(saved["pytorch-lightning_version"].is_string());

    let saved = saved_with("tutorial.pth");
    assert_eq!((&saved["classes"], &saved["accuracy"]), (&classes, &json!(0.5)));
    assert_eq!(saved["class_to_idx"], json!({"benign": 0, "malignant": 1, "café": 2}));
    assert_eq!(saved["idx_to_class"], json!({"0": "benign", "1": "malignant", "2": "café"}));
    assert_eq!(saved["nested"], json!({"flag": true}));
    assert_eq!(saved.get("nothing"), Some(&Value::Null));
    for left_out in ["infinite", "mixed", "long", "state_dict"] {
        assert!(saved.get(left_out).is_none(), "{left_out}");
    }
    assert_eq!(saved["itself"][0]["itself"][0]["classes"], classes);

    assert_eq!(saved_with("described.safetensors"), json!({"format": "pt", "arch": "tiny"}));
    assert_eq!(saved_with("legacy.pth"), json!({}));
    assert_eq!(saved_with("training_legacy.pth.tar")["epoch"], 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.safetensors");
    StateDict::open(golden("timm.pth.tar")).unwrap().save(&path, None).unwrap();
    assert!(StateDict::open(path).unwrap().saved_with().is_empty());
}

#[test]
fn other_types_are_kept() {
    let opened = StateDict::open(golden("types.pth")).unwrap();
    let types: Vec<_> = opened.iter().map(|(_, tensor)| tensor.dtype).collect();
    assert_eq!(types, [Dtype::BF16, Dtype::F8_E4M3, Dtype::BOOL]);
    assert_eq!(opened.get("a").unwrap().to_f32().unwrap(), [0.0, 1.0, 2.0]);
    assert_eq!(opened.get("c").unwrap().shape, [0; 0]);
}

#[test]
fn a_folder_is_as_good_as_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| std::fs::copy(golden(from), folder.path().join(to)).unwrap();
    let open = || StateDict::open(folder.path());
    let text = open().unwrap_err().to_string();
    assert!(text.contains("a folder without a file of weights"), "{text}");
    copy("types.pth", "epoch-1.pth");
    assert_eq!(open().unwrap().len(), 3);
    copy("types.pth", "epoch-2.pth");
    let text = open().unwrap_err().to_string();
    assert!(text.contains("2 files of weights") && text.contains("epoch-1.pth to "), "{text}");
    copy("legacy.pth", "pytorch_model.bin");
    assert_eq!(open().unwrap().path().unwrap().file_name().unwrap(), "pytorch_model.bin");
    copy("expected.safetensors", "model.safetensors");
    assert_eq!(open().unwrap().path().unwrap().file_name().unwrap(), "model.safetensors");
}

#[test]
fn files_that_are_not_weights_are_named() {
    let not_weights: [(&[u8], &str, &str); 8] = [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page", "download it again"),
        (b"<?xml version=\"1.0\"?><Error>", "a web page", "download it again"),
        (b"", "an empty file", "download"),
        (b"{\"metadata\": {}}", "JSON", "model.safetensors"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "safetensors"),
        (b"\x1f\x8b\x08\x00", "a gzip archive", "gunzip"),
        (b"\x80\x04\x95\x00", "a Python pickle", "save_model"),
    ];
    for (bytes, found, hint) in not_weights {
        let text = error("model.safetensors", bytes);
        assert!(text.contains(&format!("expected weights, found {found}")) && text.contains(hint), "{text}");
    }
    let text = error("a.pt", &std::fs::read(golden("script.pt")).unwrap());
    assert!(text.contains("TorchScript"), "{text}");
}

#[test]
fn tensors_that_are_not_dense_are_named() {
    let open = |name: &str| StateDict::open(golden(name)).unwrap_err().to_string();
    assert!(open("sparse.pth").contains("tensor `a`: a tensor of another kind than dense (sparse)"));
    assert!(open("expanded.pth").contains("tensor `a`: elements outside its store"));
}

/// Replaces bytes of the same length in the pickle of a zip file, with its checksum.
fn with_pickle(name: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut file = std::fs::read(golden(name)).unwrap();
    let pickle = |file: &[u8]| {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
        let entry = archive.by_index_raw(0).unwrap();
        assert!(entry.name().unwrap().ends_with("/data.pkl"));
        let start = entry.data_start().unwrap() as usize;
        start..start + entry.size() as usize
    };
    let range = pickle(&file);
    let old = crc32fast::hash(&file[range.clone()]).to_le_bytes();
    let at = file[range.clone()].windows(from.len()).position(|window| window == from).unwrap();
    file[range.start + at..][..to.len()].copy_from_slice(to);
    let new = crc32fast::hash(&file[range]).to_le_bytes();
    for place in 0..file.len() - 4 {
        if file[place..place + 4] == old {
            file[place..place + 4].copy_from_slice(&new);
        }
    }
    file
}

#[test]
fn a_pickle_that_would_run_code_is_refused_by_name() {
    let file = with_pickle("bare.pth", b"ccollections\nOrderedDict\n", b"cposixpath..\nsystem_____\n");
    let text = error("evil.pth", &file);
    assert!(text.contains("a pickle that calls `posixpath...system_____`"), "{text}");
}

#[test]
fn calls_of_python_are_refused_in_every_form() {
    for (file, call) in [("system", "posix.system"), ("eval", "__builtin__.eval")] {
        for form in ["", "_legacy"] {
            let error = StateDict::open(golden(&format!("{file}{form}.pth"))).unwrap_err().to_string();
            assert!(error.contains(&format!("found a pickle that calls `{call}`")), "{error}");
        }
    }
}

#[test]
fn an_element_outside_its_store_is_refused() {
    // The count of the first tensor's elements follows its store's device.
    let file = with_pickle("bare.pth", b"(K\x03K\x02K\x02K\x02t", b"(K\x03K\x02K\x02K\x03t");
    let text = error("a.pth", &file);
    assert!(text.contains("tensor `conv.weight`: elements outside its store"), "{text}");
}

/// Returns a file of the old form: views of the same 256 numbers, with these sizes and strides.
fn views(count: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let text = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let numbers = |values: &[u8]| values.iter().flat_map(|&value| [b'K', value]).collect::<Vec<u8>>();
    let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.M\xe9\x03.".to_vec();
    file.extend([&b"}"[..], &text("little_endian"), b"\x88s."].concat());
    file.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    file.extend([&text("storage")[..], b"ctorch\nFloatStorage\n", &text("0"), &text("cpu")].concat());
    file.extend(
        [&b"M\0\x01tQK\0("[..], &numbers(shape), b"t(", &numbers(strides), b"t\x89}tRq\0}("].concat(),
    );
    for name in 0..count {
        file.extend([&text(&name.to_string())[..], b"h\0"].concat());
    }
    file.extend([&b"u.]("[..], &text("0"), b"e.", &256_u64.to_le_bytes(), &[0; 1024]].concat());
    file
}

#[test]
fn tensors_that_share_their_elements_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pth");
    std::fs::write(&path, views(2, &[16, 16], &[1, 16])).unwrap();
    assert_eq!(StateDict::open(&path).unwrap().get("1").unwrap().shape, [16, 16]);
    let text = error("a.pth", &views(20, &[16, 16], &[1, 16]));
    assert!(text.contains("found many tensors that share their elements"), "{text}");
    let text = error("a.pth", &views(1, &[1; 65], &[1; 65]));
    assert!(text.contains("tensor `0`: a malformed shape"), "{text}");
}

#[test]
fn damage_is_found() {
    let whole = std::fs::read(golden("bare.pth")).unwrap();
    for length in [1, 3, 4, 100, whole.len() / 2, whole.len() - 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pth");
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(StateDict::open(&path).is_err(), "{length} bytes");
    }
    // A bit of the first store.
    let expected = StateDict::open(golden("expected.safetensors")).unwrap();
    let first = expected.get("conv.weight").unwrap().data;
    let at = whole.windows(first.len()).position(|window| window == first).unwrap();
    let mut flipped = whole.clone();
    flipped[at + 5] ^= 1;
    assert!(error("a.pth", &flipped).contains("differ from their checksum"));

    let legacy = std::fs::read(golden("legacy.pth")).unwrap();
    for length in (13..legacy.len()).step_by(7) {
        error("a.pth", &legacy[..length]);
    }
}

#[test]
fn a_header_whose_length_begins_like_a_pickle_is_safetensors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    // 80 02 to 80 05 in the file.
    for length in [640_usize, 896, 1152, 1408] {
        let header = format!("{:<length$}", r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#);
        let bytes = [&(length as u64).to_le_bytes()[..], header.as_bytes(), &[7]].concat();
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(StateDict::open(&path).unwrap().get("a").unwrap().data, [7]);
    }
}

#[test]
fn every_changed_byte_is_read_or_refused_without_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pth");
    for name in ["bare.pth", "legacy.pth"] {
        let whole = std::fs::read(golden(name)).unwrap();
        for place in 0..whole.len() {
            for byte in [0, 0xff, whole[place] ^ 1, b'R'] {
                let mut file = whole.clone();
                file[place] = byte;
                std::fs::write(&path, &file).unwrap();
                if let Ok(opened) = StateDict::open(&path) {
                    assert!(opened.iter().all(|(_, tensor)| tensor.data.len() <= whole.len()));
                }
            }
        }
    }
}
