//! Fuzzes the decoder with images of any format. An image of the largest size may take 2 GiB while
//! it is decoded, and half a GiB more as RGB: `-rss_limit_mb=4096 -malloc_limit_mb=2100`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(image) = ff_data::decode(data, "fuzz") {
        ff_data_fuzz::check(&image);
    }
});
