//! Loading of weights into a model.

use std::fmt;

use ff_checkpoint::{Dtype, StateDict, TensorRef};
use tch::Tensor;

use crate::architecture::{Architecture, ImageSizes};
use crate::error::{Error, Mismatch, Misshapen, more};
use crate::model::Model;
use crate::names::{Named, hint, name_of};
use crate::parameters::{Parameter, Parameters};
use crate::position::{grid, resample};

/// The conversions that [`Model::load`] made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Number of outputs of the weights' classifier, if it is not the model's number; 0 if the
    /// weights have none, or one of another form. The model then keeps its own classifier.
    pub replaced_classifier: Option<usize>,
    /// Side of the position embedding's grid in the weights and in the model, in patches, if it was
    /// interpolated.
    pub interpolated: Option<(usize, usize)>,
    /// The first tensor whose name is not the model's, such as `module.conv1.weight` and
    /// `conv1.weight`: its name in the weights and in the model. The others differ the same way.
    pub renamed: Option<(String, String)>,
    /// Names in the weights of what is not the model's: modules beside it, losses and metrics, a
    /// classifier of another form.
    pub left_out: Vec<String>,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.replaced_classifier {
            None => f.write_str("all weights loaded")?,
            Some(0) => f.write_str("weights loaded, but the classifier is new (the file has none)")?,
            Some(found) => {
                write!(f, "weights loaded, but the classifier is new (the file's has {found} outputs)")?;
            }
        }
        if let Some((from, to)) = self.interpolated {
            write!(f, ", position embedding interpolated from {from}×{from} to {to}×{to}")?;
        }
        if let Some((theirs, own)) = &self.renamed {
            match theirs.strip_suffix(own.as_str()) {
                Some(prefix) => write!(f, ", prefix `{prefix}` taken off the names")?,
                None => write!(f, ", names converted, such as `{theirs}` to `{own}`")?,
            }
        }
        match self.left_out.first() {
            None => Ok(()),
            Some(first) => {
                let (count, more) = (self.left_out.len(), more(&self.left_out));
                write!(f, ", left out {count} not of the model ({first}{more})")
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
    /// outputs, or none, is left out and the model keeps its own; DeiT's position embedding for
    /// another image size is interpolated as timm does (bicubic, antialiased). Names are converted
    /// as [`load_strict`](Self::load_strict) says. On an error the model is unchanged.
    ///
    /// # Errors
    /// Any other missing, extra or misshapen tensor ([`Error::Mismatch`]); a type that cannot be
    /// converted; weights with several such networks ([`Error::Copies`]).
    pub fn load(&mut self, weights: &StateDict) -> Result<Loaded, Error> {
        let named = self.named(weights)?;
        let classifier = self.spec().architecture.classifier;
        let replaced_classifier = named.outputs(classifier).filter(|&outputs| outputs != self.spec().outputs);
        let steps = converting(self.parameters(), classifier, &named, replaced_classifier);
        let interpolated = steps.iter().find_map(|step| match step {
            &Step::Interpolate { from, to, .. } => Some((from, to)),
            _ => None,
        });
        self.apply(weights, &named, &steps)?;
        Ok(Loaded { replaced_classifier, interpolated, ..self.loaded(&named) })
    }

    /// Loads weights that have exactly this model's shapes, classifier included: a checkpoint of
    /// ours, or timm's with as many outputs (VGG: torchvision's). On an error the model is
    /// unchanged.
    ///
    /// Names may have a prefix that all of the model's have, as a module that contains the model
    /// gives them (`module.`, `model.`, `backbone.`, `_orig_mod.`), and a VGG may have timm's
    /// names. `num_batches_tracked` may be missing or of another type. Tensors of losses and
    /// metrics, and everything outside the prefix, are left out.
    ///
    /// # Errors
    /// Any other missing, extra or misshapen tensor ([`Error::Mismatch`]); a type that cannot be
    /// converted; weights with several such networks ([`Error::Copies`]).
    pub fn load_strict(&mut self, weights: &StateDict) -> Result<Loaded, Error> {
        let named = self.named(weights)?;
        let parameters = self.parameters().iter();
        let steps: Vec<_> =
            parameters.map(|parameter| exact(parameter, named.get(&parameter.name))).collect();
        self.apply(weights, &named, &steps)?;
        Ok(self.loaded(&named))
    }

    fn named<'m, 'w>(&'m self, weights: &'w StateDict) -> Result<Named<'m, 'w>, Error> {
        let architecture = self.spec().architecture;
        Named::new(self.parameters(), [architecture.name, architecture.classifier], weights)
    }

    /// Returns how names were converted.
    fn loaded(&self, named: &Named<'_, '_>) -> Loaded {
        let names = self.parameters().iter().map(|parameter| &parameter.name);
        let mut pairs = names.filter_map(|own| Some((named.in_file(own)?, own)));
        let renamed = pairs.find(|(theirs, own)| theirs != own);
        Loaded {
            renamed: renamed.map(|(theirs, own)| (theirs.to_owned(), own.clone())),
            left_out: named.left_out.iter().map(|&name| name.to_owned()).collect(),
            ..Loaded::default()
        }
    }

    /// Checks everything, then copies. `steps` are in the parameters' order.
    fn apply(&self, weights: &StateDict, named: &Named<'_, '_>, steps: &[Step<'_>]) -> Result<(), Error> {
        check(self.spec().architecture, self.parameters(), weights, named, steps)?;
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
}

/// What the tensors of weights tell besides their architecture.
pub(crate) struct Fit {
    /// The outputs of the classifier.
    pub outputs: usize,
    /// The side in pixels of the images that the position embedding is for.
    pub image_size: Option<u32>,
}

impl Architecture {
    /// Checks that [`Model::load_strict`] takes the weights into a model with their outputs and their
    /// image size.
    pub(crate) fn fit(&self, weights: &StateDict) -> Result<Fit, Error> {
        let outline = self.outline();
        let named = Named::new(&outline, [self.name, self.classifier], weights)?;
        let outputs = named.outputs(self.classifier).filter(|&outputs| outputs > 0);
        let steps = converting(&outline, self.classifier, &named, outputs);
        check(*self, &outline, weights, &named, &steps)?;
        let side = named.get("pos_embed").and_then(|embedding| Some(grid(embedding.shape)?.0));
        let image_size = match self.sizes {
            ImageSizes::MultipleOf(patch) => {
                side.and_then(|side| u32::try_from(side).ok()?.checked_mul(patch))
            }
            ImageSizes::AtLeast(_) => None,
        };
        // The check fails without a classifier.
        Ok(Fit { outputs: outputs.unwrap_or_default(), image_size })
    }
}

/// Returns the actions that [`Model::load`] takes. `replaced`: outputs of the weights' classifier, if
/// the model keeps its own.
fn converting<'w>(
    parameters: &Parameters,
    classifier: &str,
    named: &Named<'_, 'w>,
    replaced: Option<usize>,
) -> Vec<Step<'w>> {
    let step = |parameter: &Parameter| {
        let own = shape_of(parameter);
        match (exact(parameter, named.get(&parameter.name)), replaced) {
            (Step::Copy(found) | Step::Misshapen(found), Some(outputs))
                if parameter.is_of_layer(classifier) =>
            {
                let fits = found.shape.split_first() == Some((&outputs, &own[1..]));
                if fits { Step::Keep } else { Step::Misshapen(found) }
            }
            (Step::Missing, Some(0)) if parameter.is_of_layer(classifier) => Step::Keep,
            (Step::Misshapen(found), _) if parameter.name == "pos_embed" => {
                match (grid(found.shape), grid(&own)) {
                    (Some((from, width)), Some((to, own))) if width == own => {
                        Step::Interpolate { found, from, to }
                    }
                    _ => Step::Misshapen(found),
                }
            }
            (step, _) => step,
        }
    };
    parameters.iter().map(step).collect()
}

/// Checks names, shapes and types of weights. `steps` are in the parameters' order.
fn check(
    architecture: Architecture,
    parameters: &Parameters,
    weights: &StateDict,
    named: &Named<'_, '_>,
    steps: &[Step<'_>],
) -> Result<(), Error> {
    let (mut missing, mut misshapen) = (Vec::new(), Vec::new());
    for (parameter, step) in parameters.iter().zip(steps) {
        let name = parameter.name.clone();
        match step {
            Step::Missing => missing.push(name),
            Step::Misshapen(found) => {
                let (expected, found) = (shape_of(parameter), found.shape.to_vec());
                misshapen.push(Misshapen { name, expected, found });
            }
            Step::Copy(_) | Step::Interpolate { .. } | Step::Keep => {}
        }
    }
    let extra: Vec<_> = named.unexpected.iter().map(|&name| name.to_owned()).collect();
    if missing.is_empty() && extra.is_empty() && misshapen.is_empty() {
        let mut steps = parameters.iter().zip(steps);
        return steps.try_for_each(|(parameter, step)| match step {
            Step::Copy(found) | Step::Interpolate { found, .. } => check_type(weights, parameter, found),
            Step::Keep | Step::Missing | Step::Misshapen(_) => Ok(()),
        });
    }
    let Architecture { name: architecture, classifier, .. } = architecture;
    let without_classifier = missing.len() == parameters.of_layer(classifier).count()
        && named.outputs(classifier) == Some(0)
        && extra.is_empty()
        && misshapen.is_empty();
    let hint = hint(parameters, weights).or_else(|| {
        without_classifier.then(|| {
            format!(
                "the weights have no classifier `{classifier}` for {architecture}: train one, \
                 or use weights that have it"
            )
        })
    });
    let file = name_of(weights);
    let mismatch = Mismatch { file, architecture, missing, extra, misshapen, without_classifier, hint };
    Err(Error::Mismatch(Box::new(mismatch)))
}

fn exact<'a>(parameter: &Parameter, found: Option<TensorRef<'a>>) -> Step<'a> {
    let own = shape_of(parameter);
    let is_count = parameter.tensor.kind() == tch::Kind::Int64;
    match found {
        Some(found) if is_count && found.dtype == Dtype::I64 && found.shape == own => Step::Copy(found),
        _ if is_count => Step::Keep,
        None => Step::Missing,
        Some(found) if found.shape == own || is_as_linear(found.shape, &own) => Step::Copy(found),
        Some(found) => Step::Misshapen(found),
    }
}

/// Returns whether a kernel, `[outputs, inputs, height, width]`, that covers its whole input is a
/// linear layer's weight, `[outputs, inputs * height * width]`: timm's VGG has such layers.
fn is_as_linear(kernel: &[usize], linear: &[usize]) -> bool {
    match (kernel, linear) {
        (&[outputs, inputs, height, width], own) => own == [outputs, inputs * height * width],
        _ => false,
    }
}

fn shape_of(parameter: &Parameter) -> Vec<usize> {
    parameter.tensor.size().iter().map(|&size| size as usize).collect()
}

fn check_type(weights: &StateDict, parameter: &Parameter, found: &TensorRef<'_>) -> Result<(), Error> {
    let is_float = matches!(found.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64);
    if is_float || parameter.tensor.kind() == tch::Kind::Int64 {
        return Ok(());
    }
    let (file, name) = (name_of(weights), parameter.name.clone());
    Err(Error::Type { file, name, expected: "F32, F16, BF16 or F64", found: found.dtype })
}

/// Returns the values in one dimension, in the parameter's type; `check_type` must have passed.
fn tensor_of(parameter: &Parameter, found: &TensorRef<'_>) -> Tensor {
    match parameter.tensor.kind() {
        tch::Kind::Int64 => Tensor::from_slice(&found.to_i64().expect("an integer tensor")),
        _ => Tensor::from_slice(&found.to_f32().expect("a tensor of floats")),
    }
}
