//! Fuzzes the cache file of file hashes: a dataset opened with it always has the right digest.
#![no_main]

use std::sync::OnceLock;

use ff_data::{DatasetConfig, FileHashes};
use ff_data_fuzz::tables::KINDS;
use ff_data_fuzz::{folder, write};
use libfuzzer_sys::fuzz_target;

static DATASET: OnceLock<(DatasetConfig, String)> = OnceLock::new();

fuzz_target!(
    init: {
        KINDS[0].prepare();
        write("manifest/table.csv", KINDS[0].example.as_bytes());
        let config = KINDS[0].config();
        let digest = config.open(folder(), &FileHashes::none()).expect("a dataset").digest().to_owned();
        DATASET.set((config, digest)).expect("set once");
    },
    |data: &[u8]| {
        let (config, digest) = DATASET.get().expect("set at the start");
        write("hashes", data);
        let hashes = FileHashes::open(&folder().join("hashes"));
        assert_eq!(config.open(folder(), &hashes).expect("a dataset").digest(), digest);
    }
);
