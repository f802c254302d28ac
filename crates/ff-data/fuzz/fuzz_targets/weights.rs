//! Fuzzes files of weights. The first byte says whether checksums in a zip archive are mended first,
//! so that changed bytes are read and not only found.
#![no_main]

use ff_checkpoint::StateDict;
use ff_data_fuzz::{folder, write, zip_checksums};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    let mut file = data.to_vec();
    if choice % 2 == 1 {
        zip_checksums(&mut file);
    }
    write("weights.pth", &file);
    match StateDict::open(folder().join("weights.pth")) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(opened) => {
            for (_, tensor) in opened.iter() {
                assert!(tensor.elements() * tensor.dtype.bitsize() / 8 == tensor.data.len());
                assert!(tensor.data.len() <= file.len());
            }
        }
    }
});
