//! `ff-models check`: a device's arithmetic against the CPU's.

mod inputs;
mod merging;
mod networks;
mod row;
mod training;

use std::fmt;

use anyhow::bail;
use clap::Args;
use clap::error::ErrorKind;
use ff_models::{Architecture, Precision, Spec};
use serde_json::json;
use tch::Device;

use self::networks::{Extent, compare};
use self::row::{Row, heading};
use super::memory::within_memory;
use crate::device::{DeviceChoice, warn_of_precision};
use crate::options::GLOBAL;
use crate::output::{print, print_json, say};

/// Outputs of the networks.
const OUTPUTS: usize = 7;

/// The device and the networks to check.
#[derive(Args)]
pub struct Check {
    /// Architecture to check, such as resnet50; may be repeated [default: all]
    #[arg(long)]
    arch: Vec<Architecture>,
    /// Side of the images, in pixels [default: 64, or the architecture's own]
    #[arg(long, value_name = "PX")]
    image_size: Option<u32>,
    /// Images in a batch
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(i64).range(2..=1024))]
    batch: i64,
    /// Training steps with each optimizer
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Precision of the logits: fp32, tf32 or bf16; may be repeated
    #[arg(long, default_values_t = [Precision::Fp32, Precision::Tf32, Precision::Bf16])]
    precision: Vec<Precision>,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", help_heading = GLOBAL)]
    device: DeviceChoice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn check(options: &Check) -> anyhow::Result<()> {
    refuse_repeated("--arch <ARCH>", &options.arch);
    refuse_repeated("--precision <PRECISION>", &options.precision);
    let specs = specs(options)?;
    let device = options.device.find()?;
    if options.device == DeviceChoice::Auto && !device.is_cuda() {
        say("warning: found no CUDA device, so the CPU is compared with itself");
    }
    options.precision.iter().for_each(|&precision| warn_of_precision(precision, device));

    let &Check { batch, steps, .. } = options;
    let extent = Extent { batch, steps, precisions: &options.precision };
    let mut rows: Vec<Row> = Vec::new();
    for spec in &specs {
        let mut found = |row: Row| {
            say(&row.progress());
            rows.push(row);
        };
        within_memory(batch, spec, device, || compare(spec, device, &extent, &mut found))?;
    }
    report(&rows, device, options.json)?;
    verdict(&rows)
}

/// Returns the fp32 specification of each network.
///
/// # Errors
/// An image size that a network cannot take.
fn specs(options: &Check) -> anyhow::Result<Vec<Spec>> {
    let architectures = if options.arch.is_empty() { Architecture::ALL } else { options.arch.as_slice() };
    let spec = |&architecture: &Architecture| -> anyhow::Result<Spec> {
        let usual = if architecture.sizes.contain(64) { 64 } else { architecture.image_size };
        let image_size = options.image_size.unwrap_or(usual);
        let spec = Spec { image_size, ..Spec::new(architecture, OUTPUTS) };
        spec.check()?;
        Ok(spec)
    };
    architectures.iter().map(spec).collect()
}

/// Ends the process with wrong usage if a value of an option is repeated.
fn refuse_repeated<T: PartialEq + fmt::Display>(option: &str, values: &[T]) {
    let repeated = values.iter().enumerate().find(|(at, value)| values[..*at].contains(value));
    if let Some((_, value)) = repeated {
        let text = format!("'{option}': expected each value once, found {value} again\n");
        clap::Error::raw(ErrorKind::ValueValidation, text).exit()
    }
}

/// Prints the rows.
fn report(rows: &[Row], device: Device, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let checks: Vec<_> = rows.iter().map(Row::to_json).collect();
        return print_json(&json!({"device": format!("{device:?}").to_lowercase(), "checks": checks}));
    }
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    print(&format!("{}\n{lines}", heading()))
}

/// Returns an error if a difference is over its limit.
fn verdict(rows: &[Row]) -> anyhow::Result<()> {
    let failed = rows.iter().filter(|row| !row.is_ok()).count();
    if failed > 0 {
        bail!(
            "{failed} of {} checks: expected differences within their limits, found larger ones\n\
             hint: do not train on this device; `--arch ARCH --precision PRECISION` repeats single checks",
            rows.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(difference: f64) -> Row {
        Row {
            arch: Architecture::VGG16,
            check: "dropout".into(),
            precision: None,
            compared: "a mask".into(),
            difference,
            limit: 0.0,
        }
    }

    #[test]
    fn one_difference_over_its_limit_is_an_error() {
        verdict(&[row(0.0)]).unwrap();
        let error = verdict(&[row(0.0), row(1.0)]).unwrap_err().to_string();
        assert!(error.starts_with("1 of 2 checks: "), "{error}");
    }
}
