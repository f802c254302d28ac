//! The checks of `StateDict::open`, and those of `StateDict::verify`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ff_checkpoint::{Digest, Error, OwnedTensor, Provenance, StateDict};

/// 2.5 blocks of data. The tensors' types differ, so their order in the file is not that of their
/// names.
fn weights() -> StateDict {
    let tensor = |size: usize| {
        let values: Vec<f32> = (0..size).map(|i| (i % 1013) as f32 - 500.5).collect();
        OwnedTensor::f32([size], &values)
    };
    StateDict::from_tensors(BTreeMap::from([
        ("a".to_owned(), tensor(100_001)),
        ("b".to_owned(), OwnedTensor::i64([3], &[1, -2, 3])),
        ("c".to_owned(), tensor(300_000)),
        ("d".to_owned(), tensor(250_000)),
        ("e".to_owned(), OwnedTensor::f32([0], &[])),
    ]))
}

fn provenance() -> Provenance {
    Provenance {
        kind: "soup".into(),
        recipe: serde_json::json!({"learning_rate": 0.1}),
        parents: Vec::new(),
        data: None,
        code_version: "0.1.0".into(),
    }
}

fn flip(path: &Path, bit: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
}

/// The length of a file's header, with the 8 bytes that hold its length.
fn header(bytes: &[u8]) -> usize {
    8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

/// Changes the JSON header and keeps the data.
fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let bytes = fs::read(path).unwrap();
    let (header, data) = bytes.split_at(header(&bytes));
    let header = change(String::from_utf8(header[8..].to_vec()).unwrap());
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [&length, header.as_bytes(), data].concat()).unwrap();
}

#[test]
fn a_damaged_block_is_named_with_its_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    weights().save(&path, None).unwrap();
    let bytes = fs::read(&path).unwrap();
    let start = header(&bytes);
    // In the file `b` comes first, as its type is the widest. In order of name block 0 ends in `c`
    // and block 1 in `d`.
    let (a, c) = (start + 24, start + 24 + 400_004);
    let end_of_0 = c + (1 << 20) - 400_004 - 24;
    for (at, block, tensors) in [
        (start, 0, "`a` to `c`"),
        (a, 0, "`a` to `c`"),
        (end_of_0 - 1, 0, "`a` to `c`"),
        (end_of_0, 1, "`c` to `d`"),
        (end_of_0 + (1 << 20) - 1, 1, "`c` to `d`"),
        (end_of_0 + (1 << 20), 2, "`d`"),
        (bytes.len() - 1, 2, "`d`"),
    ] {
        for bit in 0..8 {
            flip(&path, at * 8 + bit);
            let error = StateDict::open(&path).unwrap_err();
            let Error::DamagedBlock { digest, block: found, .. } = error else { panic!("{error}") };
            assert_eq!((digest, found), (*weights().digest(), block));
            let text = error.to_string();
            assert!(text.contains(&format!("in {tensors}: expected checksum")), "{text}");
            flip(&path, at * 8 + bit);
        }
    }
    StateDict::open(&path).unwrap();
}

#[test]
fn each_block_has_eight_digits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let digits = |weights: &StateDict| {
        weights.save(&path, None).unwrap();
        let bytes = fs::read(&path).unwrap();
        let text = str::from_utf8(&bytes[8..header(&bytes)]).unwrap();
        let (_, sums) = text.split_once(r#"\"crc32c\":\""#).unwrap();
        sums.find('\\').unwrap()
    };
    let tiny = StateDict::from_tensors(BTreeMap::from([("a".to_owned(), OwnedTensor::f32([], &[1.0]))]));
    assert_eq!(digits(&StateDict::from_tensors(BTreeMap::new())), 0);
    assert_eq!(digits(&tiny), 8);
    assert_eq!(digits(&weights()), 24);
}

#[test]
fn open_reads_the_digest_and_verify_recomputes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    weights().verify().unwrap();
    weights().save(&path, Some(&provenance())).unwrap();
    let opened = StateDict::open(&path).unwrap();
    opened.verify().unwrap();
    assert_eq!(opened.digest(), weights().digest());
    // Saving it again gives the same bytes.
    let again = folder.path().join("again.safetensors");
    opened.save(&again, Some(&provenance())).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());

    // A wrong digest under a seal that fits: opening accepts it, since it does not compute the
    // digest.
    let (right, wrong) = (weights().digest().to_string(), Digest::of(std::iter::empty()).to_string());
    edit(&path, |header| header.replace(&right, &wrong));
    let Err(Error::DamagedHeader { expected, found, .. }) = StateDict::open(&path) else { panic!() };
    edit(&path, |header| header.replace(&expected.to_string(), &found.to_string()));
    let opened = StateDict::open(&path).unwrap();
    assert_eq!(opened.digest().to_string(), wrong);
    let Err(Error::Damaged { expected, found, .. }) = opened.verify() else { panic!() };
    assert_eq!((expected.to_string(), found.to_string()), (wrong, right));
}

#[test]
fn the_seal_covers_shapes_and_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    for (from, to) in [
        (r#""shape":[0]"#, r#""shape":[0,4]"#),
        (r#""shape":[3]"#, r#""shape":[3,1]"#),
        (r#""e":{"#, r#""f":{"#),
        (r#""I64""#, r#""U64""#),
        ("0.1.0", "0.1.1"),
    ] {
        weights().save(&path, Some(&provenance())).unwrap();
        edit(&path, |header| {
            assert!(header.contains(from), "{header}");
            header.replace(from, to)
        });
        assert!(matches!(StateDict::open(&path), Err(Error::DamagedHeader { .. })), "{from}");
    }
}

/// Files of older versions have a digest and a seal of the provenance, the oldest ones the digest
/// only. Digest and seal are those that these versions wrote.
#[test]
fn files_of_older_versions_open_and_their_digest_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.safetensors");
    let digest = "81e907e75bf1b1cc4dfb3fa1ce5837a304fa40c207a4ce08cecb525779f69591";
    let seal = "90e8bef3f24a6a1dc5d6b6e45796db97c0c8319d93e270b3dff6cd902e6b3d41";
    let provenance = r#"{\"kind\":\"probe\",\"recipe\":{\"seed\":1},\"parents\":[],\"data\":null,\"code_version\":\"0.1.0\"}"#;
    for sealed in [format!(r#",\"seal\":\"{seal}\""#), String::new()] {
        let header = format!(
            r#"{{"__metadata__":{{"fissionfusion":"{{\"digest\":\"{digest}\",\"provenance\":{provenance}{sealed}}}"}},"n":{{"dtype":"I64","shape":[],"data_offsets":[0,8]}},"w":{{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}}}"#
        );
        let length = (header.len() as u64).to_le_bytes();
        let data =
            [7i64.to_le_bytes().to_vec(), 0.5f32.to_le_bytes().to_vec(), (-2f32).to_le_bytes().to_vec()];
        let good = [&length, header.as_bytes(), &data.concat()].concat();
        fs::write(&path, &good).unwrap();
        let opened = StateDict::open(&path).unwrap();
        opened.verify().unwrap();
        assert_eq!(opened.digest().to_string(), digest);
        assert_eq!(opened.provenance().unwrap().kind, "probe");
        assert_eq!(opened.get("w").unwrap().to_f32().unwrap(), [0.5, -2.0]);
        for bit in (8 + header.len()) * 8..good.len() * 8 {
            flip(&path, bit);
            let error = StateDict::open(&path).unwrap_err();
            assert!(
                matches!(error, Error::Damaged { expected, .. } if expected.to_string() == digest),
                "{error}"
            );
            flip(&path, bit);
        }
        edit(&path, |header| header.replace(r#"\"probe\""#, r#"\"prober\""#));
        assert_eq!(StateDict::open(&path).is_err(), !sealed.is_empty());
    }
}
