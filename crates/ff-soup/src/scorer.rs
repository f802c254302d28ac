//! How good weights are.

use ff_checkpoint::StateDict;

use crate::accept::Accept;
use crate::average::Average;
use crate::error::{Error, ScoreError};

/// Tells how good weights are on validation data.
pub trait Scorer {
    /// The score of a candidate: higher is better, never NaN, and the same for the same candidate.
    ///
    /// A scorer that already knows an ingredient's score (training has evaluated it) can answer
    /// from [`Candidate::average`] without asking for the weights.
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError>;

    /// Whether a greedy soup that scores `best` may keep the candidate. The scorer may stop as soon
    /// as an upper bound of the score is one that [`Accept::accepts`] refuses, and must otherwise
    /// answer what [`Scorer::score`] would: so the soup is the same either way. By default that is
    /// what it answers.
    ///
    /// What stopping early misses is a failure in what was not evaluated, such as a logit that is
    /// not a number.
    fn beats(&mut self, candidate: &Candidate<'_>, best: f64, accept: Accept) -> Result<Verdict, ScoreError> {
        let _ = (best, accept);
        self.score(candidate).map(Verdict::Score)
    }
}

const NOT_A_NUMBER: &str = "its score is not a number";

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

    /// Its score, as [`Scorer::score`] has it.
    ///
    /// # Errors
    /// [`Error::Score`]: scoring it failed, or the score is not a number.
    pub fn score(&self, scorer: &mut dyn Scorer) -> Result<f64, Error> {
        let score = scorer.score(self).map_err(|source| self.unscored(source))?;
        if score.is_nan() { Err(self.unscored(NOT_A_NUMBER.into())) } else { Ok(score) }
    }

    /// Whether a greedy soup that scores `best` may keep it, as [`Scorer::beats`] has it.
    ///
    /// # Errors
    /// [`Error::Score`]: scoring it failed, its score is not a number, or it was given up at a bound that may still beat
    /// `best`.
    pub fn beats(&self, scorer: &mut dyn Scorer, best: f64, accept: Accept) -> Result<Verdict, Error> {
        match scorer.beats(self, best, accept).map_err(|source| self.unscored(source))? {
            Verdict::Score(score) if score.is_nan() => Err(self.unscored(NOT_A_NUMBER.into())),
            Verdict::Rejected { bound } if bound.is_nan() || accept.accepts(bound, best) => {
                let why = format!("given up at a bound of {bound}, with which it may still beat {best}");
                Err(self.unscored(why.into()))
            }
            verdict => Ok(verdict),
        }
    }

    fn unscored(&self, source: ScoreError) -> Error {
        Error::Score { candidate: self.average.summary(), source }
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
