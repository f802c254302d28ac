//! A job's inputs by name: the one place that knows their order.

use super::graph::Job;
use super::id::JobId;
use super::spec::JobSpec;
use crate::error::Error;

impl Job {
    /// The run that a run of training starts from.
    pub fn base(&self) -> Result<&JobId, Error> {
        self.named(0, "base")
    }

    /// The soup or the run whose model predicts.
    pub fn model(&self) -> Result<&JobId, Error> {
        self.named(0, "model")
    }

    /// What is scored.
    pub fn predictions(&self) -> Result<&JobId, Error> {
        self.named(0, "predictions")
    }

    /// The plane of a row or a surface.
    pub fn plane(&self) -> Result<&JobId, Error> {
        self.named(0, "plane")
    }

    /// The greedy soup whose steps are retraced.
    pub fn greedy_soup(&self) -> Result<&JobId, Error> {
        self.named(0, "soup")
    }

    /// The probe that distances of a greedy soup are measured from, θ₀.
    pub fn probe(&self) -> Result<&JobId, Error> {
        self.named(1, "probe")
    }

    /// The runs whose models it chooses from or evaluates, in the order of the pool. A surface has
    /// its rows and soups beside them.
    pub fn runs(&self) -> &[JobId] {
        let before = match self.spec {
            JobSpec::PlaneRow(_) | JobSpec::Surface(_) => 1,
            JobSpec::GreedyBarriers(_) => 2,
            _ => 0,
        };
        self.inputs.get(before..).unwrap_or_default()
    }

    fn named(&self, at: usize, name: &str) -> Result<&JobId, Error> {
        self.inputs.get(at).ok_or_else(|| Error::Job(format!("job `{}` lacks its {name}", self.label)))
    }
}
