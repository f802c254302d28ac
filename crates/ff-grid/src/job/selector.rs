//! The rule that carries out a selection.

use ff_soup::{
    Accept, Dare, Error, Fisher, Line, METHODS, MergeAll, MergeKind, MergeMethod, Needs, NthBest, Pruned,
    Rebasin, RegMean, Selector, Stock, TaskArithmetic, Ties,
};

use itertools::Itertools;

use super::select::Selection;

/// Multiples of λ that are tried; 1 is the mean.
const LAMBDAS: [f64; 7] = [0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6];
/// Shares of the mean that are tried on the line from the start.
const ALPHAS: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];

/// The most images from which BatchNorm statistics are recomputed after each epoch of a fit. The
/// held-out loss only says when to stop; the scores of soups are from more images.
pub(crate) const FIT_BN_IMAGES: usize = 512;

impl Selection {
    /// The rule for a number of models.
    pub fn selector(&self, models: usize) -> Box<dyn Selector> {
        if let Some(hierarchy) = self.hierarchy() {
            return Box::new(hierarchy);
        }
        match self {
            &Self::Pruned { accept } => Box::new(Pruned { accept }),
            Self::Learned(learned) => Box::new(learned.clone()),
            Self::Best { rank } => Box::new(NthBest(*rank)),
            _ => Box::new(MergeAll { methods: self.merges(models), accept: self.accept() }),
        }
    }

    /// When another setting of a merge method replaces the first.
    fn accept(&self) -> Accept {
        match *self {
            Self::Line { accept, .. }
            | Self::TaskArithmetic { accept, .. }
            | Self::Ties { accept, .. }
            | Self::Dare { accept, .. } => accept,
            _ => Accept::default(),
        }
    }

    /// The merge methods that are tried on all models.
    fn merges(&self, models: usize) -> Vec<Box<dyn MergeMethod>> {
        fn each<M: MergeMethod + 'static>(
            values: &[f64],
            (usual, accept): (&[f64], Accept),
            unit: f64,
            method: impl Fn(f64) -> M,
        ) -> Vec<Box<dyn MergeMethod>> {
            let boxed = |value| Box::new(method(value)) as Box<dyn MergeMethod>;
            match values {
                // The first value stays unless another is clearly better, so it is the mean.
                [] if accept == Accept::OneSe => {
                    let nearest =
                        usual.iter().sorted_by(|a, b| (*a - 1.0).abs().total_cmp(&(*b - 1.0).abs()));
                    nearest.map(|value| boxed(value * unit)).collect()
                }
                [] => usual.iter().map(|value| boxed(value * unit)).collect(),
                values => values.iter().map(|&value| boxed(value)).collect(),
            }
        }
        let (lambdas_of, alphas_of) = ((&LAMBDAS[..], self.accept()), (&ALPHAS[..], self.accept()));
        let share = 1.0 / models as f64;
        match self {
            Self::Stock {} => vec![Box::new(Stock)],
            Self::Line { alphas, .. } => each(alphas, alphas_of, 1.0, |alpha| Line { alpha }),
            Self::TaskArithmetic { lambdas, .. } => {
                each(lambdas, lambdas_of, share, |lambda| TaskArithmetic { lambda })
            }
            &Self::Ties { density, ref lambdas, .. } => {
                each(lambdas, lambdas_of, 1.0, |lambda| Ties { density, lambda })
            }
            &Self::Dare { drop, seed, ref lambdas, .. } => {
                each(lambdas, lambdas_of, share, |lambda| Dare { drop, lambda, seed, ..Dare::default() })
            }
            Self::Rebasin {} => vec![Box::new(Rebasin::default())],
            Self::Fisher { .. } => vec![Box::new(Fisher::default())],
            Self::Regmean { .. } => vec![Box::new(RegMean::default())],
            _ => Vec::new(),
        }
    }

    /// The number of candidates that it evaluates of a number of models, beside the models
    /// themselves.
    pub(crate) fn candidates(&self, models: usize) -> usize {
        match self {
            Self::Best { .. } | Self::Ensemble {} => 0,
            Self::Uniform {} | Self::Learned(_) => 1,
            // Two passes; there may be more.
            Self::Pruned { .. } => 2 * models,
            _ if self.hierarchy().is_some() => models,
            _ => self.merges(models).len(),
        }
    }

    /// How often it evaluates its candidates at most, with a number of folds of cross-fitting. The
    /// scores of a method's settings are all known from the first time.
    pub(crate) fn selections(&self, folds: u64) -> u64 {
        if self.compares() || matches!(self, Self::Learned(_)) { 1 + folds } else { 1 }
    }

    /// The images that a fit of coefficients reads if it takes all its epochs, of the validation
    /// images and of those from which BatchNorm statistics are recomputed. A backward pass counts as
    /// two.
    pub(crate) fn fit_images(&self, val: u64, recomputed: u64) -> u64 {
        match self {
            // Three quarters are fitted on, a quarter is evaluated.
            Self::Learned(learned) => {
                learned.epochs as u64 * (5 * val / 2 + recomputed.min(FIT_BN_IMAGES as u64))
            }
            _ => 0,
        }
    }

    /// The images that it reads for the statistics of each model, of a number of training images. A
    /// backward pass counts as two.
    pub(crate) fn statistics_images(&self, train: u64) -> u64 {
        match *self {
            Self::Fisher { images } => 3 * train.min(images as u64),
            Self::Regmean { images, .. } => train.min(images as u64),
            _ => 0,
        }
    }

    /// What it needs beside the models: the base is the probe (θ₀).
    pub fn needs(&self) -> Needs {
        let method = self.merges(1).into_iter().next();
        method.and_then(|method| kind(&*method)).map_or(Needs::Nothing, |kind| kind.needs)
    }

    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Method`], which names the setting, what is expected and what is found.
    pub fn check(&self) -> Result<(), Error> {
        if let Self::Learned(learned) = self {
            return learned.check();
        }
        for method in self.merges(1) {
            let checked = match self {
                Self::Fisher { images: 0 } | Self::Regmean { images: 0, .. } => {
                    Err("images: expected at least 1, found 0".to_owned())
                }
                _ => kind(&*method).map_or(Ok(()), |kind| (kind.new)(&method.settings()).map(drop)),
            };
            checked.map_err(|reason| Error::Method { name: method.name().to_owned(), reason })?;
        }
        Ok(())
    }

    /// True if the result depends on scores or losses on validation images.
    pub fn chooses(&self) -> bool {
        matches!(self, Self::Best { .. } | Self::Learned(_)) || self.compares() || self.merges(1).len() > 1
    }

    /// True if it compares models or soups of them by their predictions.
    pub fn compares(&self) -> bool {
        match self {
            Self::Pruned { .. } => true,
            _ => self.hierarchy().is_some_and(|soup| soup.policies.iter().any(|policy| policy.is_greedy())),
        }
    }
}

/// The entry of a method in [`METHODS`].
fn kind(method: &dyn MergeMethod) -> Option<MergeKind> {
    METHODS.iter().find(|kind| kind.name == method.name()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_comes_first_only_where_it_stays_unless_another_is_clearly_better() {
        let alphas = |accept| {
            let select = Selection::Line { alphas: Vec::new(), accept };
            let settings = select.merges(3).into_iter().map(|method| method.settings());
            settings.map(|of| of["alpha"].as_f64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(alphas(Accept::Greater), [0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(alphas(Accept::OneSe), [1.0, 0.8, 0.6, 0.4, 0.2]);
    }
}
