//! Errors of weights on validation images.
//!
//! Far from the models, a variance of BatchNorm that is combined like a weight may be negative.
//! Such a point has no error, and figures show it in grey. With `bn = "recalibrate"` the statistics
//! are recomputed at each point.

use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_eval::Metric;
use ff_models::Model;
use ff_train::{EvalSet, Recalibration};

use crate::error::Error;
use crate::job::{Cost, ErrorEvaluation, EvalSplit, Job};
use crate::run::context::JobContext;

/// Computes the validation error of weights.
pub(super) struct ErrorEvaluator {
    model: Model,
    validation: Arc<EvalSet>,
    metric: Metric,
    recalibration: Option<Arc<Recalibration>>,
    evaluations: u64,
}

impl ErrorEvaluator {
    pub fn new(context: &JobContext<'_>, job: &Job, evaluation: &ErrorEvaluation) -> Result<Self, Error> {
        let ErrorEvaluation { model: spec, data, metric, recalibrate, bn_images } = evaluation;
        let data = context.data(job, data)?;
        Ok(Self {
            model: Model::new(spec, context.device, 0)?,
            validation: context.catalog.eval_set(&data, EvalSplit::Validation, spec.image_size),
            metric: *metric,
            recalibration: recalibrate
                .map(|batch| context.catalog.recalibration(&data, spec.image_size, batch, *bn_images)),
            evaluations: 0,
        })
    }

    /// Returns 1 minus the metric; `None` if a logit is not finite or the metric is undefined.
    pub fn error(&mut self, weights: &StateDict) -> Result<Option<f64>, Error> {
        self.model.load_strict(weights)?;
        if let Some(images) = &self.recalibration {
            images.run(&self.model)?;
        }
        self.evaluations += 1;
        match self.validation.predict(&self.model, None) {
            Ok(predictions) => {
                Ok(self.metric.evaluate(&predictions).value().map(|score| self.metric.error(score)))
            }
            Err(ff_train::Error::Eval(ff_eval::Error::Logit { .. })) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns true if the errors of the models themselves are those of training, because
    /// statistics are not recomputed.
    pub fn knows_models(&self) -> bool {
        self.recalibration.is_none()
    }

    /// Returns true if a tensor of the model is trained; false for running statistics.
    pub fn trained(&self, name: &str) -> bool {
        is_trained(&self.model, name)
    }

    pub fn cost(&self) -> Cost {
        let of_training = self.recalibration.as_ref().map_or(0, |images| images.images());
        let images = (self.validation.len() + of_training) as u64;
        Cost { evaluations: self.evaluations, evaluated_images: self.evaluations * images, ..Cost::default() }
    }
}

/// Returns true if a tensor of a model is trained; false for running statistics.
pub(super) fn is_trained(model: &Model, name: &str) -> bool {
    model.parameters().trainable().any(|parameter| parameter.name == name)
}
