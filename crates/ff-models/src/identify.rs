//! Temporary.
use ff_checkpoint::StateDict;

use crate::architecture::Architecture;
use crate::error::Error;
use crate::normalisation::Normalisation;

/// What is known of weights before they are loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The architecture.
    pub architecture: Architecture,
    /// What told it.
    pub told_by: String,
    /// Outputs.
    pub outputs: usize,
    /// Classes.
    pub classes: Option<(Vec<String>, String)>,
    /// Image size.
    pub image_size: Option<u32>,
    /// Normalisation.
    pub normalisation: Option<Normalisation>,
    /// Notes.
    pub notes: Vec<String>,
}

impl Identity {
    /// Tells.
    ///
    /// # Errors
    /// Any.
    pub fn of(weights: &StateDict, asked: Option<Architecture>) -> Result<Self, Error> {
        let fits = |one: &&Architecture| {
            one.names_in(weights).is_ok_and(|names| names.len() + 2 >= weights.len() && names.len() > 4)
        };
        let found = asked.or_else(|| Architecture::ALL.iter().find(fits).copied());
        let architecture = found.ok_or(Error::Config {
            file: "x".into(),
            expected: "an architecture".into(),
            found: "none".into(),
            hint: "x",
        })?;
        Ok(Self {
            architecture,
            told_by: "names and shapes".into(),
            outputs: architecture.outputs_of(weights).unwrap_or(0),
            classes: None,
            image_size: None,
            normalisation: None,
            notes: vec![],
        })
    }
}
