//! How good weights are.

use ff_checkpoint::StateDict;

use crate::accept::Accept;
use crate::average::Average;
use crate::error::{Error, ScoreError};

/// Tells how good weights are on validation data.
pub trait Scorer {
    /// The score of a candidate: higher is better, never NaN, and the same for the same candidate.
    ///
    /// A scorer that already knows an ingredient's score (training has evaluated it) can answer from
    /// [`Candidate::average`] without asking for the weights.
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError>;

    /// Whether a greedy soup that scores `best` may keep the candidate. The scorer may stop as soon as an upper bound of
    /// the score is one that [`Accept::accepts`] refuses, and must otherwise answer what [`Scorer::score`] would: so the
    /// soup is the same either way. By default that is what it answers.
    ///
    /// What stopping early misses is a failure in what was not evaluated, such as a logit that is not a number.
    fn beats(&mut self, candidate: &Candidate<'_>, best: f64, accept: Accept) -> Result<Verdict, ScoreError> {
        let _ = (best, accept);
        self.score(candidate).map(Verdict::Score)
    }
}

/// What [`Scorer::beats`] finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The candidate's score.
    Score(f64),
    /// It cannot be kept.
    Rejected {
        /// What its score is at most.
        bound: f64,
    },
}

/// Weights that might become a soup, made only when asked for.
pub struct Candidate<'a> {
    average: &'a Average,
    weights: &'a dyn Fn() -> Result<StateDict, Error>,
}

impl<'a> Candidate<'a> {
    /// A candidate whose weights `weights` makes.
    pub fn new(average: &'a Average, weights: &'a dyn Fn() -> Result<StateDict, Error>) -> Self {
        Self { average, weights }
    }

    /// What it is made of.
    pub fn average(&self) -> &Average {
        self.average
    }

    /// Its weights.
    ///
    /// # Errors
    /// Those of averaging.
    pub fn weights(&self) -> Result<StateDict, Error> {
        (self.weights)()
    }
}
