//! Which tensors of a file are a model's: prefixes of wrappers, timm's names of VGG, other networks
//! beside the model.

use std::collections::{BTreeMap, HashMap};

use ff_checkpoint::{StateDict, TensorRef};

use crate::error::Error;
use crate::parameters::{Parameter, Parameters};

/// Parts of names that wrappers of modules add: torch.compile, DataParallel, FSDP and activation
/// checkpointing.
const WRAPPERS: [&str; 4] = ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// Ends of the prefixes under which MoCo saves the network that it trains. Its copy, which follows
/// it, has another.
const TRAINED: [&str; 2] = ["encoder_q.", "base_encoder."];

/// The tensors of a file by a model's names.
pub(crate) struct Named<'m, 'w> {
    /// By the model's name: the name in the file, and the tensor.
    tensors: HashMap<&'m str, (&'w str, TensorRef<'w>)>,
    /// Other names that say that the file is of another network.
    pub unexpected: Vec<&'w str>,
    /// Other names, without a meaning for the model: of what is beside it, of losses and metrics,
    /// of a classifier of another form.
    pub left_out: Vec<&'w str>,
}

impl<'m, 'w> Named<'m, 'w> {
    /// Finds a model's tensors. The prefix that is taken off is the one under which most of them
    /// are; a file that has most of them without a prefix has none. `model` is the architecture's
    /// name and its classifier's.
    ///
    /// # Errors
    /// [`Error::Copies`].
    pub fn new(
        parameters: &'m Parameters,
        model: [&'static str; 2],
        weights: &'w StateDict,
    ) -> Result<Self, Error> {
        let [architecture, classifier] = model;
        let prefix = prefix(parameters, weights).map_err(|prefixes| Error::Copies {
            file: name_of(weights),
            architecture,
            prefixes,
        })?;
        let mut named = Self { tensors: HashMap::new(), unexpected: Vec::new(), left_out: Vec::new() };
        let mut of_classifier = Vec::new();
        for (name, tensor) in weights.iter() {
            let Some(inside) = name.strip_prefix(prefix) else {
                named.left_out.push(name);
                continue;
            };
            match find(parameters, inside) {
                Some(own) if !named.tensors.contains_key(&*own.name) => {
                    named.tensors.insert(&own.name, (name, tensor));
                }
                _ if has_no_effect(inside) => named.left_out.push(name),
                _ if inside.strip_prefix(classifier).is_some_and(|rest| rest.starts_with('.')) => {
                    of_classifier.push(name);
                }
                _ => named.unexpected.push(name),
            }
        }
        let has_classifier = parameters.of_layer(classifier).any(|own| named.get(&own.name).is_some());
        // A classifier of several layers (`fc.0`, `fc.2`) is replaced like one of another size.
        let others = if has_classifier { &mut named.unexpected } else { &mut named.left_out };
        others.append(&mut of_classifier);
        others.sort_unstable();
        Ok(named)
    }

    /// Returns the tensor of a name of the model.
    pub fn get(&self, own: &str) -> Option<TensorRef<'w>> {
        self.tensors.get(own).map(|(_, tensor)| *tensor)
    }

    /// Returns the name in the file of a name of the model.
    pub fn in_file(&self, own: &str) -> Option<&'w str> {
        self.tensors.get(own).map(|(name, _)| *name)
    }

    /// Returns the number of outputs of the classifier; 0 if the file has no tensor of it, `None`
    /// if it has the bias only.
    pub fn outputs(&self, classifier: &str) -> Option<usize> {
        match (self.get(&format!("{classifier}.weight")), self.get(&format!("{classifier}.bias"))) {
            (Some(weight), _) => weight.shape.first().copied(),
            (None, Some(_)) => None,
            (None, None) => Some(0),
        }
    }
}

/// Returns the name of the weights in errors: the file, or `weights in memory`.
pub(crate) fn name_of(weights: &StateDict) -> String {
    weights.path().map_or("weights in memory".to_owned(), |path| path.display().to_string())
}

/// Returns the prefix of a model's names in a file. The error: several that are as good.
fn prefix<'w>(parameters: &Parameters, weights: &'w StateDict) -> Result<&'w str, Vec<String>> {
    // Copies of a model often have no counters.
    let is_counted = |own: &Parameter| own.tensor.kind() != tch::Kind::Int64;
    let total = parameters.iter().filter(|own| is_counted(own)).count();
    let bare = parameters.iter().filter(|own| is_counted(own) && weights.get(&own.name).is_some()).count();
    if 2 * bare >= total {
        return Ok("");
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in weights.names() {
        for at in std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1)) {
            let (prefix, rest) = name.split_at(at);
            if find(parameters, rest).is_some_and(is_counted) {
                *counts.entry(prefix).or_default() += 1;
            }
        }
    }
    let most = counts.values().copied().max().unwrap_or(0);
    if 2 * most < total {
        return Ok("");
    }
    let best = counts.iter().filter(|(_, count)| **count == most).map(|(prefix, _)| *prefix);
    let best: Vec<&str> = best.collect();
    let is_trained = |prefix: &str| TRAINED.iter().any(|end| prefix.ends_with(end));
    let trained: Vec<&str> = best.iter().copied().filter(|prefix| is_trained(prefix)).collect();
    match (best.as_slice(), trained.as_slice()) {
        ([one], _) | (_, [one]) => Ok(*one),
        _ => Err(best.iter().map(|prefix| (*prefix).to_owned()).collect()),
    }
}

/// Finds a model's tensor by its name, by its name with wrappers inside (`features.module.0`; one in
/// front belongs to the prefix), or by timm's name of a VGG.
fn find<'m>(parameters: &'m Parameters, name: &str) -> Option<&'m Parameter> {
    let is_wrapper = |part: &str| WRAPPERS.contains(&part);
    parameters.get(name).or_else(|| {
        let parts: Vec<&str> = name.split('.').collect();
        if is_wrapper(parts[0]) {
            return None;
        }
        let bare = parts.into_iter().filter(|part| !is_wrapper(part)).collect::<Vec<_>>().join(".");
        parameters.get(&bare).or_else(|| parameters.get(&torchvision_vgg(&bare)?))
    })
}

/// Returns torchvision's name of a tensor of timm's VGG, whose hidden linear layers are
/// convolutions.
fn torchvision_vgg(name: &str) -> Option<String> {
    let layers =
        [("pre_logits.fc1", "classifier.0"), ("pre_logits.fc2", "classifier.3"), ("head.fc", "classifier.6")];
    let (layer, part) = name.rsplit_once('.')?;
    let (_, other) = layers.into_iter().find(|(timm, _)| *timm == layer)?;
    Some(format!("{other}.{part}"))
}

/// Returns whether a tensor beside a model's has no effect on its outputs: those of losses and
/// metrics, and what masked autoencoders only pretrain with.
fn has_no_effect(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or(name);
    ["criterion", "loss", "metric"].iter().any(|part| first.contains(part))
        || ["mask_token", "decoder"].contains(&first)
        || first.starts_with("decoder_")
}

/// Returns whether timm gives the name to networks whose tensors have the names and shapes of a
/// ResNet's here, and whose downsampling is by a filter without weights.
pub(crate) fn is_lookalike(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    ["resnetaa", "resnetblur"].iter().any(|start| name.starts_with(start))
}

/// Ends of names that only one kind of network has, the kind, and what to do. The first that fits
/// counts.
const MARKS: [(&str, &str, &str); 9] = [
    (
        "head_dist.weight",
        "a distilled DeiT, which has a second classifier",
        "use weights without distillation",
    ),
    (
        "fc_norm.weight",
        "a vision transformer that classifies the mean of its patches",
        "use weights that classify the class token",
    ),
    ("embeddings.cls_token", "a vision transformer of Hugging Face transformers", FROM_TIMM),
    ("embedder.embedder.convolution.weight", "a ResNet of Hugging Face transformers", FROM_TIMM),
    ("self_attention.in_proj_weight", "a vision transformer of torchvision", FROM_TIMM),
    ("features.1.running_mean", "a VGG with BatchNorm", "use weights of a VGG without"),
    ("layer1.0.conv1.weight", "a ResNet", ANOTHER),
    ("blocks.0.attn.qkv.weight", "a DeiT or another vision transformer", ANOTHER),
    ("features.0.weight", "a VGG", ANOTHER),
];

const FROM_TIMM: &str = "use the network's weights from timm";
const ANOTHER: &str = "choose that architecture or other weights";

/// Returns what the names of weights that do not fit a model suggest.
pub(crate) fn hint(parameters: &Parameters, weights: &StateDict) -> Option<String> {
    let ends_with = |name: &str, mark: &str| {
        name.strip_suffix(mark).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let is_told = |mark: &str| weights.names().any(|name| ends_with(name, mark));
    let told = MARKS.into_iter().find(|&(mark, ..)| parameters.get(mark).is_none() && is_told(mark));
    told.map(|(_, network, advice)| format!("the names are those of {network}: {advice}"))
}
