//! `--arch`, or the architecture that timm's `config.json` beside weights names.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use ff_models::{Architecture, TimmConfig};

/// The architecture of a file of weights.
#[derive(Args, Clone, Copy)]
pub struct ArchOption {
    /// Architecture, such as resnet50 or vgg19
    ///
    /// May be left out if timm's config.json beside the weights names it.
    #[arg(long)]
    arch: Option<Architecture>,
}

impl ArchOption {
    /// Returns the architecture of weights, and the number of classes that `config.json` states.
    ///
    /// # Errors
    /// Neither names it, or they differ.
    pub(crate) fn of(self, weights: &Path) -> anyhow::Result<(Architecture, Option<usize>)> {
        match TimmConfig::beside(weights)? {
            Some(config) => Ok((config.choose(self.arch)?, config.classes)),
            None => {
                let missing = || {
                    format!(
                        "--arch: expected the architecture of {}, found none, nor timm's config.json beside it\n\
                         hint: give it, such as --arch resnet50",
                        weights.display()
                    )
                };
                Ok((self.arch.with_context(missing)?, None))
            }
        }
    }
}
