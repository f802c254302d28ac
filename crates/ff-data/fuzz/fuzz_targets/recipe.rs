//! Fuzzes datasets and split rules of a recipe. A valid dataset is written and read again; a valid
//! split rule splits all samples or is refused.
#![no_main]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ff_data::{Dataset, DatasetConfig, Phantom, PhantomKind, SplitRule};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(config) = toml::from_str::<DatasetConfig>(text) {
        // TOML's integers end at `i64::MAX`.
        if let Ok(again) = toml::to_string(&config) {
            assert_eq!(toml::from_str::<DatasetConfig>(&again).expect("what was written"), config);
        }
    }
    if let Ok(rule @ (SplitRule::Ratio { .. } | SplitRule::Official {})) = toml::from_str(text)
        && let Ok(splits) = rule.split(&**dataset(), Path::new(""))
    {
        let mut indices = [splits.train, splits.val, splits.test].concat();
        indices.sort_unstable();
        assert!(indices.into_iter().eq(0..dataset().samples().len()));
    }
});

fn dataset() -> &'static Arc<Phantom> {
    static DATASET: OnceLock<Arc<Phantom>> = OnceLock::new();
    DATASET
        .get_or_init(|| Arc::new(Phantom::new(PhantomKind::Grades, 32, [24, 8, 8], 1, false).expect("valid")))
}
