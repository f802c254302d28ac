//! Fuzzes CIFAR: the first byte chooses between CIFAR-10's first batch and CIFAR-100's training
//! set, both in Python's form.
#![no_main]

use ff_data::DatasetConfig;
use ff_data::datasets::{Cifar10, Cifar100};
use ff_data_fuzz::{golden, open, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: {
        let batch = golden!("data/cifar-10-batches-py/data_batch_2");
        for part in ["data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
            write(format!("cifar-10-batches-py/{part}"), batch);
        }
        write("cifar-100-python/test", golden!("data/cifar-100-python/test"));
    },
    |data: &[u8]| {
        let Some((choice, data)) = data.split_first() else { return };
        if choice % 2 == 0 {
            write("cifar-10-batches-py/data_batch_1", data);
            open(&DatasetConfig::Cifar10(Cifar10 { path: "".into() }));
        } else {
            write("cifar-100-python/train", data);
            open(&DatasetConfig::Cifar100(Cifar100 { path: "".into() }));
        }
    }
);
