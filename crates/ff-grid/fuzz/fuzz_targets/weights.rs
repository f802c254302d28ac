//! Files of weights: what opens is read in full, written and opened again, and is the same.
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
    opened.save(&again, opened.provenance().ok()).expect("what was opened can be written");
    let read = StateDict::open(&again).expect("what was written");
    assert_eq!(read.digest(), opened.digest());
    assert_eq!(read.provenance().ok(), opened.provenance().ok());
});
