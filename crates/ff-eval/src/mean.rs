//! The mean of the probabilities of several models: an ensemble.

use crate::error::Error;
use crate::paired::check_paired;
use crate::predictions::{Predictions, TaskKind};
use crate::probability::{sigmoid, softmax};

impl Predictions {
    /// Averages the probabilities that models predict for the same samples.
    ///
    /// The probabilities of classes are the softmax of the logits, those of tasks their sigmoid. The
    /// means are in 64-bit floats, over the models in their order, of which one at a time is in
    /// memory. The result has logits with these means as probabilities: ln p of a class, and
    /// ln p − ln(1 − p) of a task, where 1 − p is a mean of its own and so is exact near p = 1. A
    /// mean below 2⁻¹⁰²² counts as that number, so logits are finite, from −709 to 709. Groups are
    /// those of the first model.
    ///
    /// ```
    /// use ff_eval::{Error, Predictions, Targets};
    ///
    /// let model = |logits: [f32; 2]| Predictions::new(logits.into(), 2, Targets::Classes(vec![0]));
    /// // Probabilities of 3/4 and 1/2.
    /// let mean = Predictions::mean([model([3f32.ln(), 0.0]), model([0.0, 0.0])])?;
    /// assert!((mean.logits()[0].exp() - 0.625).abs() < 1e-6);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoModels`] without models, [`Error::Unpaired`] if targets, groups, or numbers of
    /// samples or outputs differ, and the first error among the models.
    pub fn mean<E: From<Error>>(
        models: impl IntoIterator<Item = Result<Predictions, E>>,
    ) -> Result<Predictions, E> {
        let mut models = models.into_iter();
        let first = models.next().ok_or(Error::NoModels)??;
        let mut sums = probabilities(&first);
        let mut count = 1.0;
        for model in models {
            let model = model?;
            check_paired(&first, &model)?;
            for ([yes, no], [more_yes, more_no]) in sums.iter_mut().zip(probabilities(&model)) {
                *yes += more_yes;
                *no += more_no;
            }
            count += 1.0;
        }
        let log = |sum: f64| (sum / count).max(f64::MIN_POSITIVE).ln();
        let logits = sums.into_iter().map(|[yes, no]| (log(yes) - log(no)) as f32).collect();
        Ok(first.with_logits(logits)?)
    }
}

/// Returns the probability of each output, and for a task that of its absence, else 1.
fn probabilities(model: &Predictions) -> Vec<[f64; 2]> {
    match model.kind() {
        TaskKind::Multiclass => {
            let rows = model.logits().chunks_exact(model.outputs());
            rows.flat_map(softmax).map(|probability| [probability, 1.0]).collect()
        }
        TaskKind::Multilabel => {
            model.logits().iter().map(|&logit| [sigmoid(logit), sigmoid(-logit)]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;
    use crate::predictions::Targets;

    fn mean(models: impl IntoIterator<Item = Predictions>) -> Result<Predictions, Error> {
        Predictions::mean(models.into_iter().map(Ok::<_, Error>))
    }

    /// One sample of two classes.
    fn of_classes(logits: [f32; 2]) -> Predictions {
        Predictions::new(logits.into(), 2, Targets::Classes(vec![0])).unwrap()
    }

    /// Samples of one task.
    fn of_task(logits: &[f32], labels: &[f32]) -> Predictions {
        Predictions::new(logits.to_vec(), 1, Targets::Labels(labels.to_vec())).unwrap()
    }

    #[test]
    fn probabilities_are_averaged_and_logits_are_not() {
        // 3/4 and 1/4; 1/11 and 10/11.
        let found = mean([of_classes([3f32.ln(), 0.0]), of_classes([0.0, 10f32.ln()])]).unwrap();
        let expected = (0.75f64 + 1.0 / 11.0) / 2.0;
        assert!((f64::from(found.logits()[0]).exp() - expected).abs() < 1e-7);
        assert!((f64::from(found.logits()[1]).exp() - (1.0 - expected)).abs() < 1e-7);
        // The mean of the logits would choose the second class more surely.
        let logits = (3f64.ln() - 10f64.ln()) / 2.0;
        assert!(expected > 1.0 / (1.0 + (-logits).exp()) + 0.05);

        let found = mean([of_task(&[0.0], &[1.0]), of_task(&[3f32.ln()], &[1.0])]).unwrap();
        assert!((f64::from(found.logits()[0]) - (0.625f64 / 0.375).ln()).abs() < 1e-6);
    }

    #[test]
    fn one_model_keeps_its_probabilities_and_its_order() {
        let alone = of_classes([0.3, -1.9]);
        let (found, expected) = (mean([alone.clone()]).unwrap(), softmax(alone.row(0)));
        for (found, expected) in softmax(found.row(0)).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-7);
        }
        // Sigmoids that are 1 in 64-bit floats still differ, as do those of the smallest numbers.
        let alone = of_task(&[40.0, 50.0, -600.0, -700.0, 0.1], &[0.0, 1.0, 1.0, 0.0, f32::NAN]);
        let found = mean([alone.clone()]).unwrap();
        for (found, expected) in found.logits().iter().zip(alone.logits()) {
            assert!((found - expected).abs() < 1e-5 * expected.abs(), "{found}, not {expected}");
        }
        assert_eq!(Metric::Auroc.evaluate(&found), Metric::Auroc.evaluate(&alone));
    }

    #[test]
    fn certain_models_give_finite_logits() {
        let found = mean([of_classes([5000.0, -5000.0])]).unwrap();
        assert_eq!(found.logits()[0], 0.0);
        assert!((found.logits()[1] + 708.4).abs() < 0.1, "{:?}", found.logits());
        let found = mean([of_task(&[5000.0, -5000.0], &[1.0, 0.0])]).unwrap();
        assert!((found.logits()[0] - 708.4).abs() < 0.1 && found.logits()[1] == -found.logits()[0]);
        // One model that is not certain decides the probability.
        let found = mean([of_classes([5000.0, 0.0]), of_classes([0.0, 0.0])]).unwrap();
        assert!((found.logits()[1] - 0.25f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn groups_are_kept() {
        let model = |groups: [u32; 2]| of_task(&[0.0, 1.0], &[0.0, 1.0]).with_groups(groups.into()).unwrap();
        assert_eq!(mean([model([4, 9]), model([4, 9])]).unwrap().groups(), Some(&[4, 9][..]));
        let error = mean([model([4, 9]), model([4, 4])]).unwrap_err().to_string();
        assert!(error.contains("found other groups"), "{error}");
    }

    #[test]
    fn models_of_other_samples_are_refused() {
        let error = |models: [Predictions; 2]| mean(models).unwrap_err().to_string();
        let one = of_task(&[0.0], &[1.0]);
        assert!(error([one.clone(), of_task(&[0.0], &[0.0])]).contains("found other targets"));
        assert!(error([one.clone(), of_classes([0.0, 0.0])]).contains("found other numbers of outputs"));
        assert!(error([one, of_task(&[0.0; 2], &[1.0; 2])]).contains("found other numbers of samples"));
        let none = mean([]).unwrap_err().to_string();
        assert!(none.starts_with("expected the predictions of at least one model, found none\nhint: "));
        let failed = Predictions::mean([Err::<Predictions, _>(Error::Unpaired("x"))]).unwrap_err();
        assert!(matches!(failed, Error::Unpaired("x")));
    }
}
