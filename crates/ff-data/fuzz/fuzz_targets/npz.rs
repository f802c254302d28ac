//! Archives of MedMNIST: the first byte chooses the dataset.
#![no_main]

use ff_data::DatasetConfig;
use ff_data_fuzz::{open, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    write("fuzz.npz", data);
    let path = "fuzz.npz".into();
    open(&match choice % 5 {
        0 => DatasetConfig::Pathmnist { path },
        1 => DatasetConfig::Chestmnist { path },
        2 => DatasetConfig::Bloodmnist { path },
        3 => DatasetConfig::Octmnist { path },
        _ => DatasetConfig::Dermamnist { path },
    });
});
