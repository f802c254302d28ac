//! Learning rates over the steps of a run.
//!
//! A cyclic rate may have its minimum inside an epoch. The snapshot is taken right after that step.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The learning rate at every step. Steps count from 1, as the papers' iterations do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LrSchedule {
    /// The same rate throughout.
    Constant {
        /// Learning rate.
        #[serde(default = "finetune_lr")]
        lr: f64,
    },
    /// From `lr` to 0 along half a cosine over the whole run, one value per epoch (PyTorch's
    /// `CosineAnnealingLR` stepped per epoch; FissionFusion §3).
    Cosine {
        /// Learning rate of the first epoch.
        #[serde(default = "finetune_lr")]
        lr: f64,
    },
    /// From `lr`, multiplied by `factor` from the epoch of each milestone (PyTorch's `MultiStepLR`
    /// stepped per epoch, with milestones rounded down to whole epochs; InMerge §3.1, MedMNIST).
    MultiStep {
        /// Learning rate of the first epoch.
        #[serde(default = "inmerge_lr")]
        lr: f64,
        /// Milestones as fractions of the run, in (0, 1): 0.5 is its middle.
        #[serde(default = "milestones")]
        milestones: Vec<f64>,
        /// Factor of the rate at each milestone, 0 or more.
        #[serde(default = "tenth")]
        factor: f64,
    },
    /// From `lr`, multiplied by `factor` whenever `patience_epochs` epochs in a row have not
    /// lowered the validation loss (PyTorch's `ReduceLROnPlateau` with `threshold = 0` and a
    /// `patience` lower by 1, since it counts the epochs that it lets pass; InMerge §3.1, "staged",
    /// ChestX-ray14).
    #[serde(alias = "staged")]
    ReduceOnPlateau {
        /// Learning rate of the first epoch.
        #[serde(default = "inmerge_lr")]
        lr: f64,
        /// Factor of the rate at the end of each stage, 0 or more.
        #[serde(default = "tenth")]
        factor: f64,
        /// Epochs without a lower validation loss that end a stage, at least 1.
        #[serde(default = "patience_epochs")]
        patience_epochs: u32,
    },
    /// Fast Geometric Generation: from `lr_max` down to `lr_min` and up again in every cycle, one
    /// value per step (FissionFusion §2, α(i)).
    Cyclic {
        /// α₁, the rate at a cycle's ends.
        #[serde(default = "lr_max")]
        lr_max: f64,
        /// α₂, the rate in the middle of a cycle, where a snapshot is taken.
        #[serde(default = "lr_min")]
        lr_min: f64,
        /// c, the length of a cycle in epochs. A cycle must have an even number of steps.
        #[serde(default = "epochs_per_cycle")]
        epochs_per_cycle: u32,
        /// Fraction of a cycle, in [0, 1), at which the run starts. The formula starts at 0; the
        /// authors' code starts at 0.25, which gives five snapshots in 17 epochs with 4 epochs per
        /// cycle.
        #[serde(default = "phase")]
        phase: f64,
    },
}

/// The middle of the rates of FissionFusion's grid search (§3).
fn finetune_lr() -> f64 {
    1e-4
}

/// InMerge §3.1, as are the next three.
fn inmerge_lr() -> f64 {
    0.01
}

fn milestones() -> Vec<f64> {
    vec![0.5, 0.75]
}

fn tenth() -> f64 {
    0.1
}

fn patience_epochs() -> u32 {
    8
}

/// FissionFusion §3, as are the next two; the phase is the authors' code's.
fn lr_max() -> f64 {
    1e-5
}

fn lr_min() -> f64 {
    1e-8
}

fn epochs_per_cycle() -> u32 {
    4
}

fn phase() -> f64 {
    0.25
}

impl Default for LrSchedule {
    fn default() -> Self {
        Self::Cosine { lr: finetune_lr() }
    }
}

/// A schedule for a run of known length.
#[derive(Clone, Debug)]
pub struct Rates {
    schedule: LrSchedule,
    epochs: u32,
    steps_per_epoch: usize,
}

impl LrSchedule {
    /// Returns the highest rate of a run, which labels recipes.
    pub fn highest(&self) -> f64 {
        match *self {
            Self::Constant { lr }
            | Self::Cosine { lr }
            | Self::MultiStep { lr, .. }
            | Self::ReduceOnPlateau { lr, .. }
            | Self::Cyclic { lr_max: lr, .. } => lr,
        }
    }

    /// Applies the schedule to a run.
    ///
    /// ```
    /// use ff_train::LrSchedule;
    ///
    /// let lr_max = 1e-5;
    /// let fgg = LrSchedule::Cyclic { lr_max, lr_min: 1e-8, epochs_per_cycle: 4, phase: 0.25 };
    /// let rates = fgg.over(17, 10)?;
    /// assert_eq!(rates.snapshots(), [10, 50, 90, 130, 170]);
    /// assert_eq!(rates.at(10, &[]), 1e-8);
    /// # Ok::<(), ff_train::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for a rate or factor that is negative or not finite, `lr_min` above
    /// `lr_max`, a phase outside [0, 1), a milestone outside (0, 1), a patience of 0, or a cycle of
    /// an odd number of steps, which has no middle.
    pub fn over(&self, epochs: u32, steps_per_epoch: usize) -> Result<Rates, Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let (rates, phase) = match *self {
            Self::Constant { lr } | Self::Cosine { lr } => (vec![("lr", lr)], 0.0),
            Self::MultiStep { lr, factor, .. } | Self::ReduceOnPlateau { lr, factor, .. } => {
                (vec![("lr", lr), ("factor", factor)], 0.0)
            }
            Self::Cyclic { lr_max, lr_min, phase, .. } => {
                (vec![("lr_max", lr_max), ("lr_min", lr_min)], phase)
            }
        };
        if let Some((name, value)) = rates.iter().find(|(_, value)| !value.is_finite() || *value < 0.0) {
            return wrong(format!("schedule.{name}: expected a finite number of 0 or more, found {value}"));
        }
        if !(0.0..1.0).contains(&phase) {
            return wrong(format!("schedule.phase: expected a fraction of a cycle in [0, 1), found {phase}"));
        }
        if let Self::MultiStep { milestones, .. } = self
            && let Some(value) = milestones.iter().find(|part| !(**part > 0.0 && **part < 1.0))
        {
            return wrong(format!(
                "schedule.milestones: expected fractions of the run in (0, 1), found {value}"
            ));
        }
        if let Self::ReduceOnPlateau { patience_epochs: 0, .. } = self {
            return wrong("schedule.patience_epochs: expected at least 1, found 0".into());
        }
        let run = Rates { schedule: self.clone(), epochs, steps_per_epoch };
        if let Self::Cyclic { lr_max, lr_min, epochs_per_cycle, .. } = *self {
            if lr_min > lr_max {
                return wrong(format!("schedule.lr_min: expected at most lr_max = {lr_max}, found {lr_min}"));
            }
            let cycle = run.cycle_steps(epochs_per_cycle);
            if cycle == 0 || cycle % 2 == 1 {
                return wrong(format!(
                    "schedule.epochs_per_cycle: expected a cycle of an even number of steps, which has a \
                     middle, found {cycle} ({epochs_per_cycle} epochs of {steps_per_epoch} steps)\n\
                     hint: use an even number of epochs"
                ));
            }
        }
        Ok(run)
    }
}

impl Rates {
    /// Returns the learning rate of a step, from 1, in a run whose finished epochs had the
    /// validation losses `losses`. Only `ReduceOnPlateau` depends on them.
    pub fn at(&self, step: usize, losses: &[f64]) -> f64 {
        match self.schedule {
            LrSchedule::Constant { lr } => lr,
            LrSchedule::MultiStep { lr, ref milestones, factor } => {
                let epoch = ((step - 1) / self.steps_per_epoch) as f64;
                // 0.7 of 90 epochs are 63, and 62.999… in floating point.
                let behind = |part: &&f64| epoch >= (*part * f64::from(self.epochs) + 1e-9).floor();
                lr * factor.powi(milestones.iter().filter(behind).count() as i32)
            }
            LrSchedule::ReduceOnPlateau { lr, factor, patience_epochs } => {
                lr * factor.powi(stages(losses, patience_epochs) as i32)
            }
            LrSchedule::Cosine { lr } => {
                let epoch = (step - 1) / self.steps_per_epoch;
                lr * 0.5 * (1.0 + (std::f64::consts::PI * epoch as f64 / f64::from(self.epochs)).cos())
            }
            LrSchedule::Cyclic { lr_max, lr_min, .. } => {
                let (place, cycle) = self.place(step).expect("cyclic");
                let t = place as f64 / cycle as f64;
                if t <= 0.5 {
                    lr_min * (2.0 * t) + lr_max * (1.0 - 2.0 * t)
                } else {
                    lr_max * (2.0 * t - 1.0) + lr_min * (2.0 - 2.0 * t)
                }
            }
        }
    }

    /// Returns the number of steps of an epoch.
    pub(crate) fn steps_per_epoch(&self) -> usize {
        self.steps_per_epoch
    }

    /// Returns whether a snapshot is taken after this step, which has the minimal learning rate.
    pub fn snapshot_after(&self, step: usize) -> bool {
        self.place(step).is_some_and(|(place, cycle)| 2 * place == cycle)
    }

    /// Returns all steps after which a snapshot is taken.
    pub fn snapshots(&self) -> Vec<usize> {
        (1..=self.epochs as usize * self.steps_per_epoch).filter(|&step| self.snapshot_after(step)).collect()
    }

    /// Returns the number of snapshots that are not at the end of an epoch.
    pub fn snapshots_inside_epochs(&self) -> usize {
        self.snapshots().iter().filter(|&step| !step.is_multiple_of(self.steps_per_epoch)).count()
    }

    /// Returns a step's place in its cycle, from 1 to the cycle's length (the paper's mod(i − 1, c)
    /// + 1), and that length.
    fn place(&self, step: usize) -> Option<(usize, usize)> {
        let LrSchedule::Cyclic { epochs_per_cycle, phase, .. } = self.schedule else { return None };
        let cycle = self.cycle_steps(epochs_per_cycle);
        let behind = (phase * cycle as f64) as usize;
        Some(((step - 1 + behind) % cycle + 1, cycle))
    }

    fn cycle_steps(&self, epochs_per_cycle: u32) -> usize {
        epochs_per_cycle as usize * self.steps_per_epoch
    }
}

/// Returns the number of stages that have ended after epochs with these losses. A NaN loss is not
/// lower.
fn stages(losses: &[f64], patience: u32) -> usize {
    let (mut ended, mut lowest, mut without_gain) = (0, f64::INFINITY, 0);
    for &loss in losses {
        without_gain += 1;
        if loss < lowest {
            (lowest, without_gain) = (loss, 0);
        } else if without_gain == patience {
            (ended, without_gain) = (ended + 1, 0);
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(phase: f64) -> LrSchedule {
        LrSchedule::Cyclic { lr_max: 1e-5, lr_min: 1e-8, epochs_per_cycle: 4, phase }
    }

    #[test]
    fn the_papers_run_takes_five_snapshots_at_the_minima() {
        let rates = phase(0.25).over(17, 10).unwrap();
        assert_eq!(rates.snapshots(), [10, 50, 90, 130, 170]);
        for step in rates.snapshots() {
            assert_eq!(rates.at(step, &[]), 1e-8);
        }
        let lowest = (1..=170).filter(|&step| rates.at(step, &[]) == 1e-8).count();
        assert_eq!(lowest, 5, "the rate is at its minimum only there");
    }

    #[test]
    fn the_formula_from_zero_takes_four_snapshots() {
        let rates = phase(0.0).over(17, 10).unwrap();
        assert_eq!(rates.snapshots(), [20, 60, 100, 140]);
        assert!((rates.at(40, &[]) - 1e-5).abs() < 1e-20, "a cycle ends at the maximum");
    }

    #[test]
    fn the_cosine_steps_per_epoch_from_the_rate_to_nearly_zero() {
        let rates = LrSchedule::Cosine { lr: 1e-3 }.over(50, 7).unwrap();
        assert_eq!(rates.at(1, &[]), 1e-3);
        assert_eq!(rates.at(7, &[]), 1e-3);
        assert!((rates.at(25 * 7 + 1, &[]) - 5e-4).abs() < 1e-12);
        assert!(rates.at(350, &[]) < 2e-6 && rates.at(350, &[]) > 0.0);
        assert!(rates.snapshots().is_empty());
    }

    #[test]
    fn a_milestone_is_not_rounded_into_the_epoch_before() {
        let rates =
            LrSchedule::MultiStep { lr: 1.0, milestones: vec![0.7], factor: 0.1 }.over(90, 1).unwrap();
        assert_eq!([rates.at(63, &[]), rates.at(64, &[])], [1.0, 0.1]);
    }

    #[test]
    fn a_stage_ends_after_patience_epochs() {
        let staged = LrSchedule::ReduceOnPlateau { lr: 1.0, factor: 0.1, patience_epochs: 2 };
        let rates = staged.over(20, 3).unwrap();
        let after = |losses: &[f64]| (rates.at(1, losses).log10().round()) as i32;
        for (losses, expected) in [
            (&[][..], 0),
            (&[3.0, 3.0], 0), // an equal loss is not lower, and one such epoch is not two
            (&[3.0, 3.0, 3.0], -1),
            (&[3.0, 4.0, 2.0, 2.5], 0),
            (&[3.0, 4.0, 4.0, 3.5, 3.5], -2), // the next stage counts from 0, against the lowest of all
            (&[f64::NAN, f64::NAN], -1),
        ] {
            assert_eq!(after(losses), expected, "{losses:?}");
        }
    }

    #[test]
    fn cycles_without_a_middle_and_wrong_rates_are_refused() {
        let odd = LrSchedule::Cyclic { lr_max: 1e-5, lr_min: 1e-8, epochs_per_cycle: 3, phase: 0.25 };
        assert!(odd.over(17, 5).unwrap_err().to_string().contains("even number of steps"));
        assert!(odd.over(17, 6).is_ok());
        assert!(phase(1.0).over(17, 6).is_err());
        assert!(LrSchedule::Constant { lr: f64::NAN }.over(1, 1).is_err());
        assert!(LrSchedule::Cosine { lr: -1.0 }.over(1, 1).is_err());
        let steps = |milestones| LrSchedule::MultiStep { lr: 0.1, milestones, factor: 0.1 };
        assert!(steps(vec![0.5, 1.0]).over(20, 5).unwrap_err().to_string().contains("milestones"));
        let staged = LrSchedule::ReduceOnPlateau { lr: 0.1, factor: 0.1, patience_epochs: 0 };
        assert!(staged.over(20, 5).unwrap_err().to_string().contains("patience_epochs"));
        let swapped = LrSchedule::Cyclic { lr_max: 1e-8, lr_min: 1e-5, epochs_per_cycle: 4, phase: 0.0 };
        assert!(swapped.over(17, 5).unwrap_err().to_string().contains("lr_min"));
    }
}
