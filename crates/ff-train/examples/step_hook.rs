//! Trains a small network on drawn images, with a hook that acts on the weights at every step.
//!
//!     cargo run -p ff-train --example step_hook

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ff_data::{Phantom, PhantomKind, SplitRule};
use ff_models::{Architecture, Precision, Spec};
use ff_train::serde_json::json;
use ff_train::tch::Device;
use ff_train::{
    CancelToken, Dataset, Error, EvalSet, LrSchedule, Metric, Model, OnBadImage, Provenance, ResumeEvery,
    Run, StepHook, TrainConfig, TrainData, train,
};

/// Keeps the classifier's weights within ±0.1.
struct Clamp;

impl StepHook for Clamp {
    fn name(&self) -> &str {
        "clamp"
    }

    fn before_forward(&mut self, _step: usize, model: &Model) -> Result<(), Error> {
        for parameter in model.classifier() {
            let _ = parameter.tensor.shallow_clone().clamp_(-0.1, 0.1);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dataset = Arc::new(Phantom::new(PhantomKind::Shapes, 16, [240, 120, 0], 1, false)?);
    let splits = SplitRule::Official {}.split(dataset.as_ref(), Path::new(""))?;
    let outputs = dataset.task().outputs();
    let validation = Arc::new(EvalSet::new(dataset.clone(), splits.val, 16, 1, OnBadImage::Error));
    let data = TrainData { dataset, train: splits.train, validation };

    let architecture = Architecture::RESNET_PICO;
    let spec = Spec { architecture, outputs, image_size: 16, precision: Precision::Fp32 };
    let mut model = Model::new(&spec, Device::Cpu, 0)?;
    let schedule = LrSchedule::Cosine { lr: 3e-3 };
    let metric = Metric::Accuracy;
    let config = TrainConfig { epochs: 5, batch_size: 16, schedule, metric, ..TrainConfig::default() };

    let folder = tempfile::tempdir()?;
    let run = Run {
        folder: folder.path(),
        provenance: Provenance {
            kind: "example".to_owned(),
            recipe: json!(config),
            parents: Vec::new(),
            data: None,
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        optimizer: None,
        loader_threads: 1,
        on_bad_image: OnBadImage::Error,
        resume_every: ResumeEvery::Time(Duration::from_secs(300)),
        stop: CancelToken::default(),
        hooks: &mut [Box::new(Clamp)],
        on_epoch: &mut |epoch| println!("epoch {}: loss {:.3}", epoch.epoch, epoch.validation_loss),
    };
    let outcome = train(&config, &mut model, &data, run)?;
    let kept = outcome.kept.ok_or("the run diverged in its first epoch")?;
    println!("kept epoch {}: accuracy {:?}", kept.epoch, kept.validation.value());
    Ok(())
}
