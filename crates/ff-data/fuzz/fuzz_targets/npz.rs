//! Fuzzes archives of MedMNIST: the first byte chooses the dataset.
#![no_main]

use ff_data::datasets::MedMnist;
use ff_data::{DatasetConfig, MedMnistName};
use ff_data_fuzz::{open, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    write("fuzz.npz", data);
    let name = match choice % 5 {
        0 => MedMnistName::Pathmnist,
        1 => MedMnistName::Chestmnist,
        2 => MedMnistName::Bloodmnist,
        3 => MedMnistName::Octmnist,
        _ => MedMnistName::Dermamnist,
    };
    open(&DatasetConfig::MedMnist(MedMnist { name, path: "fuzz.npz".into() }));
});
