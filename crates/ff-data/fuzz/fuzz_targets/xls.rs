//! Fuzzes tables in Excel's `.xls` form.
#![no_main]

use std::panic::{PanicHookInfo, catch_unwind};
use std::sync::Mutex;

use ff_data::DatasetConfig;
use ff_data::datasets::Messidor;
use ff_data_fuzz::{golden, open, write};
use libfuzzer_sys::fuzz_target;

static LAST: Mutex<String> = Mutex::new(String::new());

fn remember(panic: &PanicHookInfo<'_>) {
    *LAST.lock().expect("no panic under the lock") = panic.to_string();
}

fuzz_target!(
    init: {
        // libFuzzer's own hook aborts at any panic, and ff-data catches those of the library that
        // reads sheets.
        std::panic::set_hook(Box::new(remember));
        for name in ["20051019_38557_0100_PP.tif", "20051020_43808_0100_PP.tif"] {
            write(name, golden!("data/grey.png"));
        }
    },
    |data: &[u8]| {
        write("Annotation_Base11.xls", data);
        if catch_unwind(|| open(&DatasetConfig::Messidor(Messidor { path: "".into() }))).is_err() {
            eprintln!("{}", LAST.lock().expect("no panic under the lock"));
            std::process::abort();
        }
    }
);
