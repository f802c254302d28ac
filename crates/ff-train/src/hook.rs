//! Hooks that act on the weights before each step.
//!
//! The state of a hook is part of a resume point, so a report counts the steps before an
//! interruption too, and a record does not show that there was one.

use std::collections::BTreeMap;

use ff_models::Model;

use crate::error::Error;

/// Acts on a model's weights before each training step's forward pass, and never in validation.
/// In-model merging is one.
///
/// Its effect must be a function of the step and the weights, so that a resumed run repeats it.
///
/// ```
/// use ff_train::{Error, Model, StepHook};
///
/// struct Clamp;
///
/// impl StepHook for Clamp {
///     fn name(&self) -> &str {
///         "clamp"
///     }
///
///     fn before_forward(&mut self, _step: usize, model: &Model) -> Result<(), Error> {
///         for parameter in model.classifier() {
///             let _ = parameter.tensor.shallow_clone().clamp_(-0.1, 0.1);
///         }
///         Ok(())
///     }
/// }
///
/// let hooks: &mut [Box<dyn StepHook>] = &mut [Box::new(Clamp)]; // `Run::hooks`
/// ```
pub trait StepHook {
    /// Returns the key of its reports in the history, unique among the hooks of a run.
    fn name(&self) -> &str;

    /// Acts before the forward pass of `step`, counted from 1 since the start of the run, with
    /// gradients off.
    fn before_forward(&mut self, step: usize, model: &Model) -> Result<(), Error>;

    /// Returns a report on the steps since the last call, for the history. It is called at the end
    /// of each epoch. Null: nothing to report.
    fn report(&mut self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Returns the state to save in a resume point inside an epoch. Null: none.
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Restores a state that [`state`](Self::state) returned.
    ///
    /// # Errors
    /// A state that this hook did not return.
    fn load_state(&mut self, _: serde_json::Value) -> Result<(), Error> {
        Ok(())
    }
}

/// Returns the state of each hook, by name.
pub(crate) fn states(hooks: &[Box<dyn StepHook>]) -> BTreeMap<String, serde_json::Value> {
    let states = hooks.iter().map(|hook| (hook.name().to_owned(), hook.state()));
    states.filter(|(_, state)| !state.is_null()).collect()
}

/// Returns the report of each hook on the epoch, by name.
pub(crate) fn reports(hooks: &mut [Box<dyn StepHook>]) -> BTreeMap<String, serde_json::Value> {
    let reports = hooks.iter_mut().map(|hook| (hook.name().to_owned(), hook.report()));
    reports.filter(|(_, report)| !report.is_null()).collect()
}
