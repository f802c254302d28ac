//! Scores of weights on validation data.
//!
//! A scorer may stop the evaluation of a candidate that cannot win and answer with an upper bound
//! of its score ([`Verdict::Rejected`]). The record of the selection then has the bound in place of
//! the score. The soup is the same as with full evaluation: a candidate that is not refused is
//! evaluated on all samples.

use ff_checkpoint::StateDict;

use crate::accept::Accept;
use crate::average::Average;
use crate::decision::Decision;
use crate::error::{Error, ScoreError};
use crate::ingredient::Ingredients;
use crate::network::Network;

/// Scores weights on validation data.
///
/// A closure of type `FnMut(&StateDict) -> Result<f64, ScoreError>` is a scorer. Implement the
/// trait to score without the weights, or to stop an evaluation early.
///
/// ```
/// use ff_soup::{ScoreError, Scorer, StateDict};
/// # use ff_soup::{Average, Candidate, OwnedTensor};
///
/// let mut scorer = |weights: &StateDict| -> Result<f64, ScoreError> {
///     let bias = weights.get("fc.bias").and_then(|tensor| tensor.to_f64()).ok_or("no fc.bias")?;
///     Ok(-(bias[0] - 0.5).abs()) // yours: accuracy on validation data
/// };
/// # let average = Average::Ingredient("a".to_owned());
/// # let tensors = [("fc.bias".to_owned(), OwnedTensor::f32([1], &[0.25]))];
/// # let weights = StateDict::from_tensors(tensors.into());
/// # let weights = || Ok(weights.clone());
/// # let candidate = Candidate::new(&average, &weights);
/// // Selectors call it with each candidate.
/// assert_eq!(scorer.score(&candidate)?, -0.25);
/// # Ok::<(), ScoreError>(())
/// ```
pub trait Scorer {
    /// Computes the score of a candidate: higher is better, never NaN.
    ///
    /// It must be the same whenever the same candidate is scored.
    /// A scorer that already knows the score of an ingredient, from training, can return it by
    /// [`Candidate::average`] without loading the weights.
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError>;

    /// Announces candidates whose scores are asked for next. A scorer that can score several at once
    /// may do so now, and then answers from memory. The default does nothing.
    fn announce(&mut self, candidates: &[Candidate<'_>]) -> Result<(), ScoreError> {
        let _ = candidates;
        Ok(())
    }

    /// Decides if the candidate may improve a greedy soup that scores `best`.
    ///
    /// The scorer may stop as soon as [`Accept::accepts`] refuses an upper bound of the score.
    /// Otherwise it must return the score that [`Scorer::score`] returns, as the default does.
    ///
    /// Stopping early misses failures in the samples that are not evaluated, such as a logit that
    /// is NaN.
    fn beats(&mut self, candidate: &Candidate<'_>, best: f64, accept: Accept) -> Result<Verdict, ScoreError> {
        let _ = (best, accept);
        self.score(candidate).map(Verdict::Score)
    }

    /// Returns the standard error of the difference between the scores of two averages that were
    /// scored before, for [`Accept::OneSe`]: how much the difference would vary over other
    /// validation images. The default is `None`: the scorer knows scores only.
    fn standard_error(&mut self, tried: &Average, before: &Average) -> Result<Option<f64>, ScoreError> {
        let _ = (tried, before);
        Ok(None)
    }

    /// Returns the network and its images, for selectors that need them. The default is `None`:
    /// the scorer has none.
    fn network(&mut self) -> Option<&mut dyn Network> {
        None
    }
}

impl<F: FnMut(&StateDict) -> Result<f64, ScoreError>> Scorer for F {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        self(&candidate.weights()?)
    }
}

const NOT_A_NUMBER: &str = "expected a number as its score, found NaN";
const NO_STANDARD_ERROR: &str = "expected the standard error of its gain, which `one-se` asks for, and this \
    scorer has scores only\nhint: accept `greater`, or score with predictions";

/// The result of [`Scorer::beats`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The candidate's score.
    Score(f64),
    /// The candidate cannot be kept.
    Rejected {
        /// An upper bound of its score.
        bound: f64,
    },
}

impl Ingredients {
    /// Scores an average of these models.
    pub(crate) fn score(&self, average: &Average, scorer: &mut dyn Scorer) -> Result<f64, Error> {
        Candidate::new(average, &|| self.weights(average)).score(scorer)
    }

    /// Announces averages of these models to a scorer, before their scores are asked for.
    ///
    /// # Errors
    /// [`Error::Score`] if the scorer fails.
    pub fn announce(&self, averages: &[Average], scorer: &mut dyn Scorer) -> Result<(), Error> {
        let weights: Vec<_> = averages.iter().map(|average| move || self.weights(average)).collect();
        let candidates: Vec<Candidate<'_>> = averages
            .iter()
            .zip(&weights)
            .map(|(average, weights)| Candidate::new(average, weights))
            .collect();
        let candidate = || format!("one of {} candidates", averages.len());
        scorer.announce(&candidates).map_err(|source| Error::Score { candidate: candidate(), source })
    }
}

/// Decides if an average replaces another; both were scored. Also returns the standard error of the
/// difference, if it was asked for.
///
/// # Errors
/// [`Error::Score`] if `accept` asks for a standard error that the scorer does not know.
pub(crate) fn accepted(
    scorer: &mut dyn Scorer,
    (tried, score): (&Average, f64),
    (soup, before): (&Average, f64),
    accept: Accept,
) -> Result<(bool, Option<f64>), Error> {
    let may = accept.accepts(score, before);
    if !may || accept != Accept::OneSe {
        return Ok((may, None));
    }
    let found = scorer.standard_error(tried, soup);
    let found = found.and_then(|error| error.ok_or_else(|| NO_STANDARD_ERROR.into()));
    let error = found.map_err(|source| Error::Score { candidate: tried.summary(), source })?;
    Ok((score - before > error, Some(error)))
}

/// A candidate for a soup, whose weights are computed when they are asked for.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    average: &'a Average,
    weights: &'a dyn Fn() -> Result<StateDict, Error>,
}

impl<'a> Candidate<'a> {
    /// Creates a candidate whose weights `weights` computes.
    pub fn new(average: &'a Average, weights: &'a dyn Fn() -> Result<StateDict, Error>) -> Self {
        Self { average, weights }
    }

    /// Scores the candidate with [`Scorer::score`].
    ///
    /// # Errors
    /// [`Error::Score`] if the scorer fails or returns NaN.
    pub fn score(&self, scorer: &mut dyn Scorer) -> Result<f64, Error> {
        let score = scorer.score(self).map_err(|source| self.unscored(source))?;
        if score.is_nan() { Err(self.unscored(NOT_A_NUMBER.into())) } else { Ok(score) }
    }

    /// Decides with [`Scorer::beats`] if the candidate may improve a soup that scores `best`.
    ///
    /// # Errors
    /// [`Error::Score`] if the scorer fails, returns NaN, or stops at a bound that `accept` does
    /// not refuse.
    pub fn beats(&self, scorer: &mut dyn Scorer, best: f64, accept: Accept) -> Result<Verdict, Error> {
        match scorer.beats(self, best, accept).map_err(|source| self.unscored(source))? {
            Verdict::Score(score) if score.is_nan() => Err(self.unscored(NOT_A_NUMBER.into())),
            Verdict::Rejected { bound } if bound.is_nan() || accept.accepts(bound, best) => {
                let why =
                    format!("evaluation stopped at an upper bound of {bound}, which may still beat {best}");
                Err(self.unscored(why.into()))
            }
            verdict => Ok(verdict),
        }
    }

    /// Tries the candidate in place of a soup with its score.
    ///
    /// The decision has no group, no name and no score of the candidate alone; it is taken if the
    /// candidate replaces the soup.
    ///
    /// # Errors
    /// Those of [`beats`](Self::beats); [`Error::Score`] if `accept` asks for a standard error that
    /// the scorer does not know.
    pub(crate) fn replaces(
        &self,
        scorer: &mut dyn Scorer,
        (soup, before): (&Average, f64),
        accept: Accept,
    ) -> Result<Decision, Error> {
        let mut decision = Decision { before: Some(before), ..Decision::default() };
        match self.beats(scorer, before, accept)? {
            Verdict::Rejected { bound } => decision.at_most = Some(bound),
            Verdict::Score(tried) => {
                decision.tried = Some(tried);
                (decision.taken, decision.standard_error) =
                    accepted(scorer, (self.average, tried), (soup, before), accept)?;
            }
        }
        Ok(decision)
    }

    fn unscored(&self, source: ScoreError) -> Error {
        Error::Score { candidate: self.average.summary(), source }
    }

    /// The average that it is made of.
    pub fn average(&self) -> &Average {
        self.average
    }

    /// Computes its weights.
    ///
    /// # Errors
    /// Those of [`Ingredients::weights`](crate::Ingredients::weights).
    pub fn weights(&self) -> Result<StateDict, Error> {
        (self.weights)()
    }
}
