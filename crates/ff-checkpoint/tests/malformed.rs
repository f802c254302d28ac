//! Malformed and damaged files are refused with an error that names the file and the reason.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ff_checkpoint::{Dtype, Error, OwnedTensor, Parent, Provenance, StateDict};

fn weights() -> StateDict {
    StateDict::from_tensors(BTreeMap::from([
        ("layer1.weight".to_owned(), OwnedTensor::f32([2, 3], &[1.0, -2.0, 3.0, 0.5, 0.25, -0.125])),
        ("layer1.num_batches_tracked".to_owned(), OwnedTensor::i64([], &[7])),
        ("empty".to_owned(), OwnedTensor::f32([0, 4], &[])),
    ]))
}

fn provenance() -> Provenance {
    Provenance {
        kind: "soup".into(),
        recipe: serde_json::json!({"method": "greedy", "levels": ["learning_rate"]}),
        parents: vec![Parent { id: "a".into(), digest: *weights().digest(), weight: Some(0.5) }],
        data: Some("00ff".into()),
        code_version: "0.1.0".into(),
    }
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self) -> PathBuf {
        self.0.path().join("w.safetensors")
    }
    fn open(&self, bytes: &[u8]) -> Result<StateDict, Error> {
        std::fs::write(self.path(), bytes).unwrap();
        StateDict::open(self.path())
    }
    fn error(&self, bytes: &[u8]) -> String {
        let text = self.open(bytes).unwrap_err().to_string();
        assert!(text.contains("w.safetensors"), "{text}");
        text
    }
}

fn header(json: &str, data: &[u8]) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes(), json.as_bytes(), data].concat()
}

#[test]
fn saved_files_open_unchanged() {
    let scratch = Scratch::new();
    weights().save(scratch.path(), Some(&provenance())).unwrap();
    let opened = StateDict::open(scratch.path()).unwrap();
    assert_eq!(opened.digest(), weights().digest());
    assert_eq!(opened.provenance().unwrap(), &provenance());
    assert_eq!(opened.names().collect::<Vec<_>>(), ["empty", "layer1.num_batches_tracked", "layer1.weight"]);
    assert_eq!(opened.get("layer1.num_batches_tracked").unwrap().to_i64().unwrap(), [7]);
    assert_eq!(opened.get("layer1.weight").unwrap().shape, [2, 3]);
    assert!(opened.get("layer1").is_none());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(scratch.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "readable by everybody");
    }
    assert_eq!(std::fs::read_dir(scratch.0.path()).unwrap().count(), 1, "no temporary file remains");

    let first = std::fs::read(scratch.path()).unwrap();
    weights().save(scratch.path(), Some(&provenance())).unwrap();
    assert_eq!(first, std::fs::read(scratch.path()).unwrap(), "equal content, equal files");
}

#[test]
fn flipped_bits_and_truncations_are_detected() {
    let scratch = Scratch::new();
    weights().save(scratch.path(), Some(&provenance())).unwrap();
    let good = std::fs::read(scratch.path()).unwrap();
    for end in 0..good.len() {
        scratch.error(&good[..end]);
    }
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(opened) = scratch.open(&bad) {
            // A flip that is accepted only changes how the header spells the same content.
            assert!(bit / 8 < good.len() - 32, "bit {bit} is in the data");
            opened.verify().unwrap();
            assert!(opened.iter().eq(weights().iter()), "bit {bit}");
            assert_eq!(opened.digest(), weights().digest(), "bit {bit}");
            assert_eq!(opened.provenance().unwrap(), &provenance(), "bit {bit}");
        }
    }
}

#[test]
fn foreign_files_open_without_provenance() {
    let scratch = Scratch::new();
    let bytes = header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, &1f32.to_le_bytes());
    let opened = scratch.open(&bytes).unwrap();
    assert_eq!(opened.get("a").unwrap().to_f32().unwrap(), [1.0]);
    assert!(matches!(opened.provenance(), Err(Error::NoProvenance { .. })));
}

#[test]
fn malformed_files_are_refused_by_name() {
    let scratch = Scratch::new();
    let tensor = |json: &str, data: &[u8]| scratch.error(&header(json, data));
    scratch.error(b"");
    scratch.error(&u64::MAX.to_le_bytes());
    scratch.error(&header("{", &[]));
    scratch.error(b"PK\x03\x04 a zip file, as torch.save writes, not safetensors");
    tensor(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, &[0; 4]);
    tensor(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, &[0; 3]);
    tensor(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, &[0; 4]);
    tensor(r#"{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#, &[0; 4]);
    tensor(r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, &[]);
    let text = tensor(r#"{"__metadata__":{"fissionfusion":"{}"}}"#, &[]);
    assert!(text.contains("digest"), "{text}");
}

#[test]
fn a_missing_file_is_named() {
    let text = StateDict::open(Scratch::new().path()).unwrap_err().to_string();
    assert!(text.contains("w.safetensors: cannot open this file"), "{text}");
}

#[test]
fn types_convert_to_f32() {
    let scratch = Scratch::new();
    let json = r#"{"b":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},
        "d":{"dtype":"F64","shape":[1],"data_offsets":[4,12]},
        "h":{"dtype":"F16","shape":[1],"data_offsets":[2,4]}}"#;
    let data = [vec![0x80, 0x3f], vec![0x00, 0x3c], 1f64.to_le_bytes().to_vec()].concat();
    let opened = scratch.open(&header(json, &data)).unwrap();
    for name in ["b", "d", "h"] {
        assert_eq!(opened.get(name).unwrap().to_f32().unwrap(), [1.0], "{name}");
        assert!(opened.get(name).unwrap().to_i64().is_none());
    }
    assert_eq!(opened.first_not_finite(), None);
}

#[test]
fn non_finite_values_are_found_at_the_ends_of_runs() {
    // Longer than a run of the hash, which ends inside an element after a name of odd length.
    let size = 70_001;
    for name in ["w", "we", "wei", "weig"] {
        let found = |dtype, at: usize, value| {
            let mut values = vec![0.5; size];
            values[at] = value;
            let tensor = OwnedTensor::rounded(dtype, &[size], &values);
            let tensors = BTreeMap::from([(name.to_owned(), tensor)]);
            let (alone, hashed) =
                (StateDict::from_tensors(tensors.clone()), StateDict::from_tensors(tensors));
            hashed.digest();
            assert_eq!(alone.first_not_finite(), hashed.first_not_finite());
            alone.first_not_finite().is_some()
        };
        for (dtype, width) in [(Dtype::F16, 2), (Dtype::BF16, 2), (Dtype::F32, 4), (Dtype::F64, 8)] {
            let pause = (1usize << 17) / width;
            let near = (pause.saturating_sub(24)..pause + 3).filter(|&at| at < size);
            for at in near.chain([0, size - 1]) {
                assert!(found(dtype, at, f64::NAN), "{dtype} {at}");
                assert!(found(dtype, at, f64::NEG_INFINITY), "{dtype} {at}");
            }
            assert!(!found(dtype, 0, -6e4), "{dtype}");
        }
        assert!(!found(Dtype::F64, 0, 1e300), "finite in its own type");
    }
}

#[test]
fn non_finite_values_are_found_in_files() {
    let scratch = Scratch::new();
    for (at, expected) in [(None, None), (Some(0), Some("b")), (Some(299_999), Some("b"))] {
        let mut values = vec![0.5; 300_000];
        at.into_iter().for_each(|at: usize| values[at] = f32::NAN);
        let tensors = BTreeMap::from([
            ("a".to_owned(), OwnedTensor::f32([2], &[0.0, 1.0])),
            ("b".to_owned(), OwnedTensor::f32([300_000], &values)),
            ("c".to_owned(), OwnedTensor::f32([1], &values[299_999..])),
        ]);
        StateDict::from_tensors(tensors).save(scratch.path(), None).unwrap();
        assert_eq!(StateDict::open(scratch.path()).unwrap().first_not_finite(), expected);
    }
}

#[test]
fn many_files_open_in_order_and_the_first_bad_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |i: usize| folder.path().join(format!("{i}.safetensors"));
    for i in 0..9 {
        let one = BTreeMap::from([("a".to_owned(), OwnedTensor::f32([], &[i as f32]))]);
        StateDict::from_tensors(one).save(path(i), None).unwrap();
    }
    let paths: Vec<_> = (0..9).map(path).collect();
    let opened = StateDict::open_all(&paths).unwrap();
    let values: Vec<_> =
        opened.iter().map(|one| one.get("a").unwrap().to_f32().unwrap()[0] as usize).collect();
    assert_eq!(values, (0..9).collect::<Vec<_>>());
    for bad in [7, 3] {
        std::fs::write(path(bad), "").unwrap();
    }
    let text = StateDict::open_all(&paths).unwrap_err().to_string();
    assert!(text.contains("3.safetensors"), "{text}");
}
