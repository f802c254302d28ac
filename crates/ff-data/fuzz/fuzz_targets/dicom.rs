//! Fuzzes the bytes after a DICOM file's preamble. The first byte chooses a transfer syntax, for
//! which the other bytes are the data set; any other value makes them the meta information and data
//! set.
//!
//! An image of the largest size may take 2 GiB while it is decoded:
//! `-rss_limit_mb=4096 -malloc_limit_mb=2100`.
#![no_main]

use ff_data_fuzz::{SYNTAXES, check, dicom_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let file = match SYNTAXES.get(usize::from(choice)) {
        Some(uid) => dicom_file(uid, rest),
        None => [&[0; 128], b"DICM".as_slice(), rest].concat(),
    };
    if let Ok(image) = ff_data::decode(&file, "fuzz") {
        check(&image);
    }
});
