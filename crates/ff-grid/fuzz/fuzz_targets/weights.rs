//! Files of weights: a file that opens, is written and opened again, is the same.
#![no_main]

use ff_checkpoint::StateDict;
use ff_grid_fuzz::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = file("weights.safetensors", bytes);
    let Ok(opened) = StateDict::open(&path) else { return };
    for (_, tensor) in opened.iter() {
        let _ = (tensor.to_f32(), tensor.to_i64());
    }
    let again = file("again.safetensors", &[]);
    opened.save(&again, opened.provenance().ok()).expect("opened weights can be written");
    let read = StateDict::open(&again).expect("written weights can be opened");
    assert_eq!(read.digest(), opened.digest());
    assert_eq!(read.provenance().ok(), opened.provenance().ok());
});
