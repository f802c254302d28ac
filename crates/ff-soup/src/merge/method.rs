//! The trait of merge methods.

use ff_checkpoint::StateDict;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::Error;

/// What a method merges.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The weights to merge, in order; at least one. They have the same keys, shapes and types, and
    /// finite values.
    pub models: &'a [&'a StateDict],
    /// The weights that they were fine-tuned from, for a method that needs them.
    pub base: Option<&'a StateDict>,
    /// The statistics of each model, in the order of the models, for a method that needs them; else
    /// empty.
    pub statistics: &'a [&'a StateDict],
}

impl<'a> Parts<'a> {
    /// Takes models, without a base and without statistics.
    pub fn of(models: &'a [&'a StateDict]) -> Self {
        Self { models, base: None, statistics: &[] }
    }

    /// Returns the first model.
    ///
    /// # Errors
    /// [`Error::Empty`] without models.
    pub fn first(&self) -> Result<&'a StateDict, Error> {
        self.models.first().copied().ok_or(Error::Empty)
    }

    /// Returns the base for the method of this name.
    ///
    /// # Errors
    /// [`Error::Method`] if there is none.
    pub fn base_for(&self, method: &str) -> Result<&'a StateDict, Error> {
        self.base.ok_or_else(|| Needs::Base.missing(method))
    }
}

/// A method that merges parts into one set of weights.
pub trait MergeMethod: Sync {
    /// The method's name in records.
    fn name(&self) -> &str;

    /// The method's settings in records, from which [`MergeKind::new`] makes it again.
    fn settings(&self) -> Value {
        json!({})
    }

    /// Merges the parts.
    ///
    /// The same parts in the same order must give the same bits, whatever the number of threads.
    ///
    /// # Errors
    /// [`Error::Merge`], which names the tensor; [`Error::Empty`] without models.
    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error>;
}

/// A merge method that a recipe, a record or a command can name.
#[derive(Clone, Copy, Debug)]
pub struct MergeKind {
    /// The method's name.
    pub name: &'static str,
    /// A description with its reference, for `--help`.
    pub about: &'static str,
    /// What it needs beside the models.
    pub needs: Needs,
    /// Creates the method from its settings, or returns what is wrong with them.
    pub new: fn(&Value) -> Result<Box<dyn MergeMethod>, String>,
}

/// What a merge method needs beside the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The base: the weights that the models were fine-tuned from.
    Base,
    /// Statistics of each model.
    Statistics(Statistics),
}

/// Statistics of a model on images, with 32-bit floats under the names of its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The mean squared gradient of the log-likelihood by each weight.
    Fisher,
    /// The inner products of each layer's inputs.
    Gram,
}

impl Needs {
    /// Makes the error of a method that lacks what it needs, or has what it does not take.
    pub(crate) fn missing(self, method: &str) -> Error {
        let reason = match self {
            Self::Nothing => "it takes neither a base nor statistics",
            Self::Base => "it needs a base: the weights that its parts were fine-tuned from",
            Self::Statistics(Statistics::Fisher) => "it needs the Fisher information of each part",
            Self::Statistics(Statistics::Gram) => "it needs the inner products of each part's activations",
        };
        Error::Method { name: method.to_owned(), reason: reason.to_owned() }
    }
}

/// A method of this crate, whose fields are its settings.
pub(crate) trait Settings: MergeMethod + DeserializeOwned + Serialize + 'static {
    /// Returns what is wrong with the settings; nothing unless a method says so.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Makes the error of wrong settings, for a method that was not made by [`settings_of`].
    fn checked(&self) -> Result<(), Error> {
        self.check().map_err(|reason| Error::Method { name: self.name().to_owned(), reason })
    }

    /// Returns the settings as a record has them.
    fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("plain data")
    }
}

/// Reads a method from its settings, and checks them.
pub(crate) fn settings_of<T: Settings>(settings: &Value) -> Result<Box<dyn MergeMethod>, String> {
    let method: T = serde_json::from_value(settings.clone()).map_err(|error| error.to_string())?;
    method.check()?;
    Ok(Box::new(method))
}
