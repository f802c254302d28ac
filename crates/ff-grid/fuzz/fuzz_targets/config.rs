//! Configurations of tables. What is read and checked is written and read again, and is the same.
#![no_main]

use ff_grid::Experiment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(experiment) = Experiment::parse(text, &[]) else { return };
    let written = match &experiment {
        Experiment::Soups(config) => toml::to_string(config),
        Experiment::Merging(config) => toml::to_string(config),
    };
    // TOML's integers end at `i64::MAX`.
    if let Ok(written) = written {
        assert_eq!(Experiment::parse(&written, &[]).expect("what was written"), experiment);
    }
    let _ = (experiment.run().resume_every(), experiment.run().lease(), experiment.sources());
});
