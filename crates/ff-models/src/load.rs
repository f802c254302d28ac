//! Loading of weights into a model.

use std::fmt;

use ff_checkpoint::{Dtype, StateDict, TensorRef};
use tch::Tensor;

use crate::error::{Error, Mismatch, Misshapen};
use crate::model::Model;
use crate::names::{looks_like, torchvision_vgg};
use crate::parameters::Parameter;
use crate::position::{grid, resample};

/// The conversions that [`Model::load`] made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Number of outputs of the weights' classifier, if it is not the model's number. The model
    /// then keeps its own classifier.
    pub replaced_classifier: Option<usize>,
    /// Side of the position embedding's grid in the weights and in the model, in patches, if it was
    /// interpolated.
    pub interpolated: Option<(usize, usize)>,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.replaced_classifier {
            None => f.write_str("all weights loaded")?,
            Some(found) => {
                write!(f, "weights loaded, but the classifier is new (the file's has {found} outputs)")?
            }
        }
        match self.interpolated {
            None => Ok(()),
            Some((from, to)) => {
                write!(f, ", position embedding interpolated from {from}×{from} to {to}×{to}")
            }
        }
    }
}

/// The action for one parameter.
enum Step<'a> {
    Copy(TensorRef<'a>),
    Interpolate { found: TensorRef<'a>, from: usize, to: usize },
    Keep,
    Missing,
    Misshapen(TensorRef<'a>),
}

impl Model {
    /// Loads pretrained weights. f16, bf16 and f64 become fp32. A classifier with another number of
    /// outputs is left out and the model keeps its own; DeiT's position embedding for another image
    /// size is interpolated as timm does (bicubic, antialiased); `num_batches_tracked` may be
    /// missing; a VGG may have timm's names. On an error the model is unchanged.
    ///
    /// # Errors
    /// Any other missing, extra or misshapen tensor ([`Error::Mismatch`]); a type that cannot be
    /// converted.
    pub fn load(&mut self, weights: &StateDict) -> Result<Loaded, Error> {
        let file = name_of(weights);
        let renamed = torchvision_vgg(weights);
        let weights = renamed.as_ref().unwrap_or(weights);
        let classifier = self.spec().architecture.classifier;
        let replaced_classifier =
            self.spec().architecture.outputs_of(weights).filter(|&outputs| outputs != self.spec().outputs);
        let steps = self.parameters().iter().map(|parameter| {
            let own = shape_of(parameter);
            match (exact(parameter, weights.get(&parameter.name)), replaced_classifier) {
                (Step::Copy(found) | Step::Misshapen(found), Some(outputs))
                    if parameter.is_of_layer(classifier) =>
                {
                    let fits = found.shape.split_first() == Some((&outputs, &own[1..]));
                    if fits { Step::Keep } else { Step::Misshapen(found) }
                }
                (Step::Misshapen(found), _) if parameter.name == "pos_embed" => {
                    match (grid(found.shape), grid(&own)) {
                        (Some((from, width)), Some((to, own))) if width == own => {
                            Step::Interpolate { found, from, to }
                        }
                        _ => Step::Misshapen(found),
                    }
                }
                (Step::Missing, _) if parameter.tensor.kind() == tch::Kind::Int64 => Step::Keep,
                (step, _) => step,
            }
        });
        let steps: Vec<_> = steps.collect();
        let interpolated = steps.iter().find_map(|step| match step {
            &Step::Interpolate { from, to, .. } => Some((from, to)),
            _ => None,
        });
        self.apply(&file, weights, &steps)?;
        Ok(Loaded { replaced_classifier, interpolated })
    }

    /// Loads weights that have exactly this model's names and shapes, classifier included: a
    /// checkpoint of ours, or timm's with as many outputs (VGG: torchvision's). On an error the
    /// model is unchanged.
    ///
    /// # Errors
    /// Any missing, extra or misshapen tensor ([`Error::Mismatch`]); a type that cannot be
    /// converted.
    pub fn load_strict(&mut self, weights: &StateDict) -> Result<(), Error> {
        let parameters = self.parameters().iter();
        let steps: Vec<_> =
            parameters.map(|parameter| exact(parameter, weights.get(&parameter.name))).collect();
        self.apply(&name_of(weights), weights, &steps)
    }

    /// Checks everything, then copies. `steps` are in the parameters' order.
    fn apply(&mut self, file: &str, weights: &StateDict, steps: &[Step<'_>]) -> Result<(), Error> {
        self.check_names_and_shapes(file, weights, steps)?;
        for (parameter, step) in self.parameters().iter().zip(steps) {
            if let Step::Copy(found) | Step::Interpolate { found, .. } = step {
                check_type(file, parameter, found)?;
            }
        }
        tch::no_grad(|| {
            for (parameter, step) in self.parameters().iter().zip(steps) {
                let values = match step {
                    Step::Copy(found) => tensor_of(parameter, found).view(parameter.tensor.size().as_slice()),
                    Step::Interpolate { found, from, to } => {
                        resample(&tensor_of(parameter, found), *from, *to)
                    }
                    Step::Keep | Step::Missing | Step::Misshapen(_) => continue,
                };
                parameter.tensor.shallow_clone().copy_(&values);
            }
        });
        Ok(())
    }

    fn check_names_and_shapes(
        &self,
        file: &str,
        weights: &StateDict,
        steps: &[Step<'_>],
    ) -> Result<(), Error> {
        let mut missing = Vec::new();
        let mut misshapen = Vec::new();
        for (parameter, step) in self.parameters().iter().zip(steps) {
            let name = parameter.name.clone();
            match step {
                Step::Missing => missing.push(name),
                Step::Misshapen(found) => {
                    misshapen.push(Misshapen {
                        name,
                        expected: shape_of(parameter),
                        found: found.shape.to_vec(),
                    });
                }
                Step::Copy(_) | Step::Interpolate { .. } | Step::Keep => {}
            }
        }
        let extra: Vec<_> =
            weights.names().filter(|name| self.parameters().get(name).is_none()).map(str::to_owned).collect();
        if missing.is_empty() && extra.is_empty() && misshapen.is_empty() {
            return Ok(());
        }
        let architecture = self.spec().architecture.name;
        let hint = looks_like(weights).filter(|(_, mark)| self.parameters().get(mark).is_none()).map(
            |(family, _)| {
                format!("the names are those of a {family}: choose that architecture or other weights")
            },
        );
        Err(Error::Mismatch(Box::new(Mismatch {
            file: file.to_owned(),
            architecture,
            missing,
            extra,
            misshapen,
            hint,
        })))
    }
}

/// Returns the name of the weights in errors: the file, or `weights in memory`.
fn name_of(weights: &StateDict) -> String {
    weights.path().map_or("weights in memory".to_owned(), |path| path.display().to_string())
}

fn exact<'a>(parameter: &Parameter, found: Option<TensorRef<'a>>) -> Step<'a> {
    match found {
        None => Step::Missing,
        Some(found) if found.shape == shape_of(parameter) => Step::Copy(found),
        Some(found) => Step::Misshapen(found),
    }
}

fn shape_of(parameter: &Parameter) -> Vec<usize> {
    parameter.tensor.size().iter().map(|&size| size as usize).collect()
}

fn check_type(file: &str, parameter: &Parameter, found: &TensorRef<'_>) -> Result<(), Error> {
    let (fits, expected) = match parameter.tensor.kind() {
        tch::Kind::Int64 => (found.dtype == Dtype::I64, "I64"),
        _ => (
            matches!(found.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64),
            "F32, F16, BF16 or F64",
        ),
    };
    let (file, name) = (file.to_owned(), parameter.name.clone());
    if fits { Ok(()) } else { Err(Error::Type { file, name, expected, found: found.dtype }) }
}

/// Returns the values in one dimension, in the parameter's type; `check_type` must have passed.
fn tensor_of(parameter: &Parameter, found: &TensorRef<'_>) -> Tensor {
    match parameter.tensor.kind() {
        tch::Kind::Int64 => Tensor::from_slice(&found.to_i64().expect("an integer tensor")),
        _ => Tensor::from_slice(&found.to_f32().expect("a tensor of floats")),
    }
}
