//! Fuzzes tables in CSV, gzipped or not, and lists: the first byte chooses the table.
#![no_main]

use std::sync::{Arc, OnceLock};

use ff_data::{Dataset, DatasetConfig, FileHashes, SplitRule};
use ff_data_fuzz::tables::KINDS;
use ff_data_fuzz::{folder, open, write};
use libfuzzer_sys::fuzz_target;

static CONFIGS: OnceLock<Vec<DatasetConfig>> = OnceLock::new();
static DATASET: OnceLock<Arc<dyn Dataset>> = OnceLock::new();

fuzz_target!(
    init: {
        KINDS.iter().for_each(|kind| kind.prepare());
        let configs: Vec<_> = KINDS.iter().map(|kind| kind.config()).collect();
        for (kind, config) in KINDS.iter().zip(&configs) {
            if !kind.file.ends_with(".gz") {
                write(format!("{}/{}", kind.folder, kind.file), kind.example.as_bytes());
                config.open(folder(), &FileHashes::none()).expect("the example opens");
            }
        }
        let dataset = configs[0].open(folder(), &FileHashes::none()).expect("the example opens");
        assert!(DATASET.set(dataset).is_ok() && CONFIGS.set(configs).is_ok());
    },
    |data: &[u8]| {
        let Some((choice, data)) = data.split_first() else { return };
        let choice = usize::from(*choice) % (KINDS.len() + 1);
        if let Some(kind) = KINDS.get(choice) {
            write(format!("{}/{}", kind.folder, kind.file), data);
            open(&CONFIGS.get().expect("set at the start")[choice]);
        } else {
            write("split.csv", data);
            let _ = SplitRule::Csv { path: "split.csv".into() }
                .split(&**DATASET.get().expect("set at the start"), folder());
        }
    }
);
