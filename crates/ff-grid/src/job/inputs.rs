//! A job's inputs by name. No other module depends on their order.

use ff_soup::Needs;

use super::graph::Job;
use super::id::JobId;
use super::spec::JobSpec;
use crate::error::Error;

impl Job {
    /// Returns the run that a training run starts from.
    pub fn base(&self) -> Result<&JobId, Error> {
        self.named(0, "base")
    }

    /// Returns the soup, the ensemble or the run whose model predicts.
    pub fn model(&self) -> Result<&JobId, Error> {
        self.named(0, "model")
    }

    /// Returns the prediction that an evaluation scores.
    pub fn predictions(&self) -> Result<&JobId, Error> {
        self.named(0, "predictions")
    }

    /// Returns the plane of a row or a surface.
    pub fn plane(&self) -> Result<&JobId, Error> {
        self.named(0, "plane")
    }

    /// Returns the greedy soup whose steps are evaluated.
    pub fn greedy_soup(&self) -> Result<&JobId, Error> {
        self.named(0, "soup")
    }

    /// Returns the probe θ₀ that distances of a greedy soup are measured from.
    pub fn probe(&self) -> Result<&JobId, Error> {
        self.named(1, "probe")
    }

    /// Returns the runs whose models it selects from or evaluates, in the order of the pool. For a
    /// surface, its soups and rows follow the runs. A prediction has runs only for an ensemble.
    pub fn runs(&self) -> &[JobId] {
        let before = match self.spec {
            JobSpec::Predict { .. } | JobSpec::PlaneRow(_) | JobSpec::Surface(_) => 1,
            JobSpec::GreedyBarriers(_) => 2,
            _ => 0,
        };
        let behind = [self.start_of_runs(), self.forecast()].into_iter().flatten().count();
        self.inputs.get(before..self.inputs.len() - behind).unwrap_or_default()
    }

    /// Returns the run that the runs of a soup start from, if its method needs their start, or those
    /// of a forecast.
    pub fn start_of_runs(&self) -> Option<&JobId> {
        match &self.spec {
            JobSpec::Soup(spec) if spec.select.needs() == Needs::Base => {
                self.inputs.iter().rev().nth(usize::from(self.forecast().is_some()))
            }
            JobSpec::Forecast(spec) if !spec.no_start => self.inputs.last(),
            _ => None,
        }
    }

    /// Returns the forecast that filters the pool of a soup, if it is filtered.
    pub fn forecast(&self) -> Option<&JobId> {
        match &self.spec {
            JobSpec::Soup(spec) if spec.filter.is_some() => self.inputs.last(),
            _ => None,
        }
    }

    fn named(&self, at: usize, name: &str) -> Result<&JobId, Error> {
        self.inputs.get(at).ok_or_else(|| Error::Job(format!("job `{}` lacks its {name}", self.label)))
    }
}
