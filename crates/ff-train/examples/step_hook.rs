//! Trains a small network on drawn images, with a hook that acts on the weights at every step.
//!
//!     cargo run -p ff-train --example step_hook

use std::path::Path;
use std::sync::Arc;

use ff_data::{Phantom, PhantomKind, SplitRule};
use ff_models::{Architecture, Spec};
use ff_train::tch::Device;
use ff_train::{Dataset, Error, LrSchedule, Metric, Model, Run, StepHook, TrainConfig, TrainData, train};

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
    let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, dataset.task().outputs()) };
    let data = TrainData::new(dataset, &splits, spec.image_size);

    let mut model = Model::new(&spec, Device::Cpu, 0)?;
    let schedule = LrSchedule::Cosine { lr: 3e-3 };
    let metric = Metric::Accuracy;
    let config = TrainConfig { epochs: 5, batch_size: 16, schedule, metric, ..TrainConfig::default() };

    let folder = tempfile::tempdir()?;
    let run = Run {
        hooks: &mut [Box::new(Clamp)],
        on_epoch: &mut |epoch| println!("epoch {}: loss {:.3}", epoch.epoch, epoch.validation_loss),
        ..Run::new(folder.path(), &config)
    };
    let outcome = train(&config, &mut model, &data, run)?;
    let kept = outcome.kept.ok_or("the run diverged in its first epoch")?;
    println!("kept epoch {}: accuracy {:?}", kept.epoch, kept.validation.value());
    Ok(())
}
