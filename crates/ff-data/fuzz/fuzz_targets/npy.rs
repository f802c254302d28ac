//! Fuzzes CIFAR-10.1: the first byte chooses one of its two arrays.
#![no_main]

use ff_data::datasets::Cifar10_1;
use ff_data::{Cifar101Version, DatasetConfig};
use ff_data_fuzz::{golden, open, write};
use libfuzzer_sys::fuzz_target;

const DATA: (&str, &[u8]) = ("cifar10.1_v6_data.npy", golden!("datasets/cifar10.1_v6_data.npy"));
const LABELS: (&str, &[u8]) = ("cifar10.1_v6_labels.npy", golden!("datasets/cifar10.1_v6_labels.npy"));

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let (fuzzed, other) = if choice % 2 == 0 { (DATA, LABELS) } else { (LABELS, DATA) };
    write(fuzzed.0, data);
    write(other.0, other.1);
    open(&DatasetConfig::Cifar10_1(Cifar10_1 { path: "".into(), version: Cifar101Version::V6 }));
});
