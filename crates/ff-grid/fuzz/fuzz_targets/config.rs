//! Configurations of tables: a configuration that is accepted, written and read again is the same.
#![no_main]

use ff_grid::parse_experiment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(experiment) = parse_experiment(text, &[]) else { return };
    // TOML's integers end at `i64::MAX`.
    if let Ok(written) = experiment.to_toml() {
        let again = parse_experiment(&written, &[]).expect("the written configuration is valid");
        assert_eq!(again.to_toml().expect("it can be written again"), written);
    }
    let _ = (experiment.run().resume_every(), experiment.run().lease(), experiment.sources());
});
