//! The comparisons of one architecture: logits, training, dropout masks and in-model merging.

use ff_models::layers::dropout_half;
use ff_models::{Mode, Model, Precision, Spec};
use tch::{Device, Kind, Tensor};

use super::inputs::{images, perturbed};
use super::merging::merging;
use super::row::{Row, difference};
use super::training::training;

/// What to compare.
pub(super) struct Extent<'a> {
    /// Images in a batch.
    pub(super) batch: i64,
    /// Training steps with each optimizer.
    pub(super) steps: u64,
    /// Precisions of the logits.
    pub(super) precisions: &'a [Precision],
}

/// Compares a device with the CPU on a network whose `spec` is fp32, and gives each row to `found`.
///
/// # Errors
/// Models that cannot be built or loaded.
pub(super) fn compare(
    spec: &Spec,
    device: Device,
    extent: &Extent<'_>,
    found: &mut dyn FnMut(Row),
) -> anyhow::Result<()> {
    let mut host = Model::new(spec, Device::Cpu, 0)?;
    let weights = perturbed(host.state_dict());
    host.load_strict(&weights)?;
    let images = images(extent.batch, spec.image_size);
    let reference = logits(&host, &images);
    for &precision in extent.precisions {
        // One model at a time: TF32 is a switch of the process.
        let mut model = Model::new(&Spec { precision, ..*spec }, device, 0)?;
        model.load_strict(&weights)?;
        found(logits_row(&reference, &model, &images));
    }
    let mut other = Model::new(spec, device, 0)?;
    training(&mut host, &mut other, &weights, &images, extent.steps)?.into_iter().for_each(&mut *found);
    if spec.architecture.name.starts_with("vgg") {
        found(dropout(spec, device));
    }
    merging(&mut host, &mut other, &weights)?.into_iter().for_each(found);
    Ok(())
}

fn logits(model: &Model, images: &Tensor) -> Tensor {
    tch::no_grad(|| model.forward(images, Mode::Eval))
}

/// Compares the CPU's logits with those of a model.
fn logits_row(reference: &Tensor, model: &Model, images: &Tensor) -> Row {
    let &Spec { architecture, precision, .. } = model.spec();
    Row {
        arch: architecture,
        check: "logits".to_owned(),
        precision: Some(precision),
        compared: format!("logits of {} images", images.size()[0]),
        difference: difference(reference, &logits(model, images)),
        // The early end of a soup's evaluation relies on these.
        limit: match precision {
            Precision::Fp32 => 1e-4,
            Precision::Tf32 => 1e-2,
            Precision::Bf16 => 5e-2,
        },
    }
}

/// Compares a dropout mask.
fn dropout(spec: &Spec, device: Device) -> Row {
    let masked = |device| {
        let ones = Tensor::ones([256, 4096], (Kind::Float, device));
        dropout_half(ones, Mode::Train { seed: 1 }, "classifier.2")
    };
    Row {
        arch: spec.architecture,
        check: "dropout".to_owned(),
        precision: None,
        compared: "mask of 256 × 4096 elements".to_owned(),
        difference: difference(&masked(Device::Cpu), &masked(device)),
        limit: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::{OwnedTensor, StateDict};
    use ff_models::Architecture;

    use super::*;

    fn spec(architecture: Architecture) -> Spec {
        Spec { image_size: 32, ..Spec::new(architecture, 7) }
    }

    fn rows(spec: &Spec) -> Vec<Row> {
        let mut rows = Vec::new();
        let extent = Extent { batch: 4, steps: 2, precisions: &[Precision::Fp32] };
        compare(spec, Device::Cpu, &extent, &mut |row| rows.push(row)).unwrap();
        rows
    }

    #[test]
    fn the_cpu_agrees_with_itself_in_every_check() {
        let rows = rows(&spec(Architecture::VGG16_QUARTER));
        let checks: Vec<&str> = rows.iter().map(|row| row.check.as_str()).collect();
        let training = ["losses-adamw", "last-loss-adamw", "losses-sgd", "last-loss-sgd"];
        let expected =
            [&["logits"][..], &training, &["dropout", "merged-kernels", "merged-weights"]].concat();
        assert_eq!(checks, expected);
        for row in &rows {
            assert!(row.is_ok(), "{row}");
        }
        // Some kernels did merge.
        assert!(!rows[6].compared.contains("counts of 0 merges"), "{}", rows[6].compared);
    }

    #[test]
    fn perturbed_logits_are_over_their_limit() {
        let spec = spec(Architecture::RESNET_PICO);
        let mut model = Model::new(&spec, Device::Cpu, 0).unwrap();
        let weights = perturbed(model.state_dict());
        let images = images(4, 32);
        model.load_strict(&weights).unwrap();
        let reference = logits(&model, &images);
        let mut of = |factor: f32| {
            let mut tensors = model.state_dict();
            let weight = weights.get("fc.weight").unwrap();
            let scaled: Vec<f32> = weight.to_f32().unwrap().iter().map(|value| value * factor).collect();
            tensors.insert("fc.weight".to_owned(), OwnedTensor::f32(weight.shape, &scaled));
            model.load_strict(&StateDict::from_tensors(tensors)).unwrap();
            logits_row(&reference, &model, &images)
        };
        assert!(of(1.0).is_ok());
        let row = of(1.01);
        assert!(!row.is_ok(), "{row}");
        assert!((1e-3..2e-2).contains(&row.difference), "{row}");
    }

    #[test]
    fn networks_with_few_convolutions_are_not_merged() {
        for architecture in [Architecture::RESNET_PICO, Architecture::DEIT_PICO] {
            let rows = rows(&spec(architecture));
            assert_eq!(rows.len(), 5, "{architecture}");
            assert!(rows.iter().all(Row::is_ok));
        }
    }
}
