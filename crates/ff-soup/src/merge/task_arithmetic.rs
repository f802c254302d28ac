//! Task arithmetic: the base, plus a multiple of the sum of the task vectors.

use ff_checkpoint::StateDict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, settings_of};
use super::task_vectors::{add_to_base, lambda_is_given, merge_trained};
use super::vector::add_difference;
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "task-arithmetic",
    about: "The base plus λ times the sum of what training changed (Ilharco et al. 2022)",
    needs: Needs::Base,
    new: |settings| {
        lambda_is_given(settings)?;
        settings_of::<TaskArithmetic>(settings)
    },
};

/// The merge method θ = θ0 + λ Στₖ, task arithmetic (arXiv 2212.04089), where τₖ = θₖ − θ0.
///
/// The task vectors are added, not averaged: λ = 1/K gives the mean of K models, and a larger λ a
/// point beyond it, as seen from θ0. This is mergekit's `task_arithmetic` with the weight λ for
/// each model. Running statistics are the mean of the models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskArithmetic {
    /// The factor of the sum, λ.
    pub lambda: f64,
}

impl Settings for TaskArithmetic {}

impl MergeMethod for TaskArithmetic {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        self.to_value()
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        merge_trained(
            KIND.name,
            parts,
            |_| (),
            |(), block, out| {
                out.fill(0.0);
                block.for_each_model(|_, values| add_difference(out, 1.0, values, block.base()));
                add_to_base(self.lambda, block, out);
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::merge::task_vectors::fixtures::{merge, noise, weights};

    #[test]
    fn one_model_with_all_of_its_task_vector_is_itself() {
        let (base, model) = (weights(&noise(1, 3000), 1.0), weights(&noise(2, 3000), 2.0));
        let merged = merge(&TaskArithmetic { lambda: 1.0 }, &[&model], Some(&base)).unwrap();
        assert_eq!(merged.digest(), model.digest());
    }

    #[test]
    fn lambda_is_required() {
        let error = (KIND.new)(&json!({})).err().unwrap();
        assert!(error.starts_with("lambda: expected a number, found none"), "{error}");
        assert!((KIND.new)(&json!({"lambda": 1, "density": 0.5})).is_err());
        assert_eq!((KIND.new)(&json!({"lambda": 1})).unwrap().settings(), json!({"lambda": 1.0}));
    }
}
