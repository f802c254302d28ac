//! Configurations of tables. What is read and checked is written and read again, and is the same.
#![no_main]

use ff_grid::Study;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(study) = Study::parse(text, &[]) else { return };
    let written = match &study {
        Study::Soups(config) => toml::to_string(config),
        Study::Merging(config) => toml::to_string(config),
    };
    // TOML's integers end at `i64::MAX`.
    if let Ok(written) = written {
        assert_eq!(Study::parse(&written, &[]).expect("what was written"), study);
    }
    let _ = (study.run().resume_every(), study.run().lease(), study.sources());
});
