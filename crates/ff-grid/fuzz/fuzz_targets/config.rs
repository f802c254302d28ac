//! Configurations of tables. What is read and checked is written and read again, and is the same.
#![no_main]

use ff_grid::parse_experiment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(experiment) = parse_experiment(text, &[]) else { return };
    // TOML's integers end at `i64::MAX`.
    if let Ok(written) = experiment.to_toml() {
        let again = parse_experiment(&written, &[]).expect("what was written");
        assert_eq!(again.to_toml().expect("it was written before"), written);
    }
    let _ = (experiment.run().resume_every(), experiment.run().lease(), experiment.sources());
});
