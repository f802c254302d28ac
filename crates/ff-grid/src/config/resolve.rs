//! Defaults that depend on other keys.

use ff_data::DatasetConfig;

use super::entries::{BackboneConfig, DatasetEntry};
use super::weights::WeightsSource;
use crate::error::Error;

/// Why `pretrained` is refused for an architecture without published weights.
pub(crate) const NO_WEIGHTS: &str = "weights: expected another source than `pretrained`, since this architecture has no \
    published weights\n\
    hint: set weights to `random`, to `pretrain` with a [pretrain] section, or to a file of weights";

/// Fills in names and weights that a configuration leaves out. Where nothing is trained, the weights
/// stay as they are.
///
/// # Errors
/// [`Error::Config`] for `pretrained` where an architecture has no published weights.
pub(crate) fn resolve_backbones(backbones: &mut [BackboneConfig], trains: bool) -> Result<(), Error> {
    for backbone in backbones {
        fill(&mut backbone.name, backbone.architecture.name);
        if !trains {
            continue;
        }
        backbone.weights = backbone.weights.of(backbone.architecture);
        if backbone.weights == WeightsSource::Pretrained {
            return Err(Error::Config(format!("backbone `{}`: {NO_WEIGHTS}", backbone.name)));
        }
    }
    Ok(())
}

/// Fills in names that a configuration leaves out.
pub(crate) fn resolve_datasets(datasets: &mut [DatasetEntry]) {
    for dataset in datasets {
        fill(&mut dataset.name, name_of(&dataset.source));
        dataset.ood.iter_mut().for_each(|other| fill(&mut other.name, name_of(&other.source)));
    }
}

fn name_of(source: &DatasetConfig) -> &'static str {
    match source {
        DatasetConfig::Folder(_) | DatasetConfig::Manifest(_) => "images",
        _ => source.kind(),
    }
}

/// Puts a default in place of an empty name.
pub(crate) fn fill(name: &mut String, default: &str) {
    if name.is_empty() {
        default.clone_into(name);
    }
}

/// Fills in L_s as InMerge §3.1 has it, for the networks of the paper.
pub(crate) fn resolve_shallow_layers(backbones: &mut [BackboneConfig]) {
    for backbone in backbones {
        let paper = match backbone.architecture.name {
            "vgg16" | "vgg19" => Some(10),
            "resnet34" => Some(30),
            _ => None,
        };
        backbone.shallow_layers = backbone.shallow_layers.or(paper);
    }
}
