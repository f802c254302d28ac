//! Records of jobs, and claims. If the first byte is even, the record is sealed first, so that its
//! digest is valid.
#![no_main]

use std::path::Component;

use ff_checkpoint::{read_sealed, write_sealed};
use ff_grid::{Record, owner_of, read_record};
use ff_grid_fuzz::file;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|bytes: &[u8]| {
    let Some((seal, bytes)) = bytes.split_first() else { return };
    let path = file("record.json", bytes);
    if seal % 2 == 0
        && let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(bytes)
    {
        let _ = write_sealed(&path, &fields);
    }
    if let Ok(record) = read_record(&path) {
        for file in record.files() {
            assert!(matches!(file.path.components().collect::<Vec<_>>()[..], [Component::Normal(_)]));
        }
        write_sealed(&path, &record).expect("a record that was read can be written");
        assert_eq!(read_sealed::<Record>(&path).expect("a written record can be read"), record);
    }
    let folder = std::env::temp_dir().join(format!("ff-fuzz-claims-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a writable folder");
    std::fs::write(folder.join("claim-1.json"), bytes).expect("a writable folder");
    if let Some(owner) = owner_of(&folder) {
        let _ = (owner.has_ended(), owner.to_string());
    }
});
