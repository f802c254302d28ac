//! Code that acts on the weights at each step.

use std::collections::BTreeMap;

use ff_models::Model;

use crate::error::Error;

/// Acts on a model's weights before each training step's forward pass, and never in validation.
/// In-model merging is one.
///
/// What a hook does must be a function of the step and the weights, so that a resumed run repeats
/// it.
pub trait StepHook {
    /// The key of its reports in the history; unique among the hooks of a run.
    fn name(&self) -> &str;

    /// Called before the forward pass of `step`, counted from 1 since the start of the run, with
    /// gradients off.
    fn before_forward(&mut self, step: usize, model: &Model) -> Result<(), Error>;

    /// What it did since it was last asked, for the history; asked at the end of each epoch. Null
    /// for nothing to say.
    fn report(&mut self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// What it must remember of the epoch so far, for a run that resumes inside it. Null for
    /// nothing.
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes up what [`state`](Self::state) gave.
    ///
    /// # Errors
    /// A state that this hook did not give.
    fn load_state(&mut self, _: serde_json::Value) -> Result<(), Error> {
        Ok(())
    }
}

/// The state of each hook, by name.
pub(crate) fn states(hooks: &[Box<dyn StepHook>]) -> BTreeMap<String, serde_json::Value> {
    let states = hooks.iter().map(|hook| (hook.name().to_owned(), hook.state()));
    states.filter(|(_, state)| !state.is_null()).collect()
}

/// What each hook did in the epoch, by name.
pub(crate) fn reports(hooks: &mut [Box<dyn StepHook>]) -> BTreeMap<String, serde_json::Value> {
    let reports = hooks.iter_mut().map(|hook| (hook.name().to_owned(), hook.report()));
    reports.filter(|(_, report)| !report.is_null()).collect()
}
