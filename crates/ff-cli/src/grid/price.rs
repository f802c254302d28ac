//! The price of a table: how fast a device trains and evaluates its networks.

use std::time::Duration;

use ff_grid::{Plan, Rates, Spec, Speed};
use ff_train::OptimizerConfig;
use serde::Serialize;
use tch::Device;

use crate::device::warn_of_precision;
use crate::models::memory::within_memory;
use crate::models::step::{Work, seconds_within, step};

/// About how long the measurements of a table take together.
const BUDGET: Duration = Duration::from_secs(20);

/// The largest batch on the CPU, whose speed hardly depends on the batch.
const CPU_BATCH: usize = 8;

/// The measured rates of a network.
#[derive(Serialize)]
pub struct Priced {
    architecture: &'static str,
    image_size: u32,
    batch: usize,
    #[serde(flatten)]
    rates: Rates,
}

impl Priced {
    /// Formats the rates.
    pub fn line(&self) -> String {
        let Self { architecture, image_size, batch, rates: Rates { train, evaluate } } = self;
        format!(
            "{architecture} at {image_size} px, batch {batch}: trains {train:.1} and evaluates {evaluate:.1} images/s"
        )
    }
}

/// Measures the networks of the jobs that are not done on a device, with random images that are on
/// the device already, and adds their rates to a speed. Loading and augmentation of images are not
/// part of them.
///
/// # Errors
/// A batch that does not fit into memory.
pub fn price(
    plan: &Plan,
    todo: &[Spec],
    device: Device,
    speed: Speed,
) -> anyhow::Result<(Speed, Vec<Priced>)> {
    let model = plan.model();
    warn_of_precision(model.precision, device);
    let batch = if device.is_cuda() { model.batch_size } else { model.batch_size.min(CPU_BATCH) };
    let budget = BUDGET / (2 * todo.len().max(1)) as u32;
    let train = Work::Train { optimizer: OptimizerConfig::default(), ema: false };
    let (mut speed, mut all) = (speed, Vec::new());
    for spec in todo {
        let rate = |work: &Work| {
            within_memory(batch as i64, spec, device, || {
                let seconds = seconds_within(budget, device, step(spec, batch as i64, work, device)?);
                Ok(batch as f64 / seconds)
            })
        };
        let rates = Rates { train: rate(&train)?, evaluate: rate(&Work::Evaluate)? };
        speed = speed.with_rates(spec, rates);
        let Spec { architecture, image_size, .. } = *spec;
        all.push(Priced { architecture: architecture.name, image_size, batch, rates });
    }
    Ok((speed, all))
}
