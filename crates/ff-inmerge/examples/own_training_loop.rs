//! Merges similar kernels in a training loop of plain tch: a small network, SGD, drawn images.
//!
//!     cargo run -p ff-inmerge --example own_training_loop

use ff_inmerge::tch::nn::{self, OptimizerConfig};
use ff_inmerge::tch::{Device, Kind, Tensor, manual_seed};
use ff_inmerge::{InMerge, Merger};

const STEPS: u64 = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    manual_seed(0);
    let store = nn::VarStore::new(Device::Cpu);
    let root = store.root();
    let convolutions = [
        nn::conv2d(&root / "first", 1, 4, 3, Default::default()),
        nn::conv2d(&root / "second", 4, 16, 3, Default::default()),
    ];
    let head = nn::linear(&root / "head", 16, 2, Default::default());
    let mut optimizer = nn::sgd(0.9, 0.0, 1e-4, false).build(&store, 0.05)?;

    let config = InMerge { shallow_layers: 1, ..InMerge::default() };
    let mut merger = Merger::new(config, 0, convolutions.len())?;
    for step in 1..=STEPS {
        merger.merge(step, convolutions.iter().map(|layer| &layer.ws));
        let (images, labels) = batch();
        let maps = convolutions.iter().fold(images, |x, layer| x.apply(layer).relu());
        let logits = maps.mean_dim([2i64, 3].as_slice(), false, Kind::Float).apply(&head);
        let loss = logits.cross_entropy_for_logits(&labels);
        optimizer.backward_step(&loss);
        if step % 50 == 0 {
            println!("step {step}: loss {:.3}", f64::try_from(&loss)?);
        }
    }
    for layer in merger.take_stats() {
        println!("convolution {}: {} merges in {STEPS} steps", layer.layer, layer.merged);
    }
    Ok(())
}

/// Noisy images of stripes, and whether the stripes are horizontal.
fn batch() -> (Tensor, Tensor) {
    let labels = Tensor::randint(2, [64], (Kind::Int64, Device::Cpu));
    let stripes = Tensor::arange(8i64, (Kind::Float, Device::Cpu)).remainder(2i64);
    let horizontal = labels.eq(1i64).view([-1, 1, 1, 1]);
    let images = stripes.view([1, 1, 8, 1]).where_self(&horizontal, &stripes.view([1, 1, 1, 8]));
    (images + Tensor::randn([64, 1, 8, 8], (Kind::Float, Device::Cpu)), labels)
}
