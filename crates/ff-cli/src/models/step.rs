//! The step of a model on synthetic images, and its time.

use std::time::{Duration, Instant};

use ff_models::{Mode, Model, Spec};
use ff_train::{Ema, MovingAverage, Optimizer, OptimizerConfig};
use tch::{Device, Kind, Tensor};

/// Timed blocks of steps, of which the median counts.
pub(super) const BLOCKS: u64 = 3;

/// What a step does.
pub(crate) enum Work {
    /// A forward pass without gradients.
    Evaluate,
    /// A forward and a backward pass and an update of all weights, and of their moving average.
    Train { optimizer: OptimizerConfig, ema: bool },
}

/// Builds a model, and returns its step on a batch of random images, which is called with the step's
/// number. The images are on the device before the first step.
///
/// # Errors
/// The model cannot be built.
pub(crate) fn step(
    spec: &Spec,
    batch: i64,
    work: &Work,
    device: Device,
) -> anyhow::Result<Box<dyn FnMut(u64)>> {
    let model = Model::new(spec, device, 0)?;
    let side = i64::from(spec.image_size);
    let images = Tensor::randint(256, [batch, side, side, 3], (Kind::Uint8, device));
    let Work::Train { optimizer, ema } = work else {
        return Ok(Box::new(move |_| tch::no_grad(|| drop(model.forward(&images, Mode::Eval)))));
    };
    let targets = Tensor::randint(spec.outputs as i64, [batch], (Kind::Int64, device));
    let mut optimizer = Optimizer::new(optimizer, model.parameters().trainable());
    let mut average = ema.then(|| MovingAverage::new(Ema::default(), &optimizer));
    Ok(Box::new(move |seed| {
        let loss = model.forward(&images, Mode::Train { seed }).cross_entropy_for_logits(&targets);
        optimizer.step(&loss, 1e-4);
        if let Some(average) = &mut average {
            average.update(&optimizer);
        }
    }))
}

/// Waits until a device has computed what it was given.
pub(crate) fn wait(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

/// Measures a step in about the time `budget`, of which a fifth is for steps that do not count. A
/// step that takes longer is called twice.
pub(crate) fn seconds_within(budget: Duration, device: Device, mut step: impl FnMut(u64)) -> f64 {
    let (mut number, started) = (0, Instant::now());
    let mut once = || {
        let started = Instant::now();
        step(number);
        wait(device);
        number += 1;
        started.elapsed()
    };
    let mut takes = once();
    while started.elapsed() < budget / 5 {
        takes = once();
    }
    let left = budget.saturating_sub(started.elapsed()).as_secs_f64();
    let steps = (left / takes.as_secs_f64().max(1e-6) / BLOCKS as f64) as u64;
    let blocks = if steps == 0 { 1 } else { BLOCKS };
    median_of_blocks(blocks, steps.max(1), step, || wait(device))
}

/// Times blocks of steps, each with one wait at its end, and returns the median seconds of a step.
/// Waiting for each step on a GPU would hide how far the host is ahead of it, as it is in training.
pub(crate) fn median_of_blocks(blocks: u64, steps: u64, mut step: impl FnMut(u64), wait: impl Fn()) -> f64 {
    wait();
    let mut seconds: Vec<f64> = (0..blocks)
        .map(|block| {
            let started = Instant::now();
            (block * steps..(block + 1) * steps).for_each(&mut step);
            wait();
            started.elapsed().as_secs_f64() / steps as f64
        })
        .collect();
    median(&mut seconds)
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::thread::sleep;

    use super::*;

    #[test]
    fn steps_are_queued_and_waited_for_once_a_block() {
        let (steps, waits) = (RefCell::new(Vec::new()), Cell::new(Vec::new()));
        let wait = || waits.set([waits.take(), vec![steps.borrow().len()]].concat());
        median_of_blocks(3, 4, |number| steps.borrow_mut().push(number), wait);
        assert_eq!(steps.into_inner(), (0..12).collect::<Vec<_>>());
        assert_eq!(waits.into_inner(), [0, 4, 8, 12]);
    }

    #[test]
    fn a_slow_block_does_not_count() {
        assert_eq!(median(&mut [0.002, 0.4, 0.003, 0.002, 0.003]), 0.003);
    }

    #[test]
    fn a_block_of_a_gpu_includes_the_wait() {
        let seconds = median_of_blocks(3, 2, |_| {}, || sleep(Duration::from_millis(20)));
        assert!(seconds >= 0.01, "{seconds}");
    }

    #[test]
    fn a_budget_bounds_the_steps() {
        let slow = Cell::new(0);
        let seconds = seconds_within(Duration::ZERO, Device::Cpu, |_| {
            slow.set(slow.get() + 1);
            sleep(Duration::from_millis(20));
        });
        assert!(slow.get() == 2 && seconds >= 0.02, "{slow:?} {seconds}");
        let fast = Cell::new(0);
        seconds_within(Duration::from_millis(100), Device::Cpu, |_| {
            fast.set(fast.get() + 1);
            sleep(Duration::from_millis(1));
        });
        assert!((4..=110).contains(&fast.get()), "{fast:?}");
    }
}
