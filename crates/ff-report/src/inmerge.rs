//! The numbers that InMerge published (Wang et al.): Table 1 (ChestX-ray14, AUROC), Table 2 (MedMNIST, accuracy)
//! and the two pairs that stand only in its text.
//!
//! They are of their authors' own splits. The paper says that it uses ChestX-ray14's official split; its released code
//! reads a file with 78,468, 11,219 and 22,433 images instead. What split each earlier model of Table 1 used the paper
//! does not say.

use ff_eval::Metric;

use crate::paper::{find, same};

/// Where the numbers come from.
pub const SOURCE: &str = "Wang et al., In-Model Merging for Enhancing the Robustness of Medical Imaging Classification \
                          Models, Tables 1 and 2 and §3.3";

/// The backbones with published numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backbone {
    /// VGG19, of both tables.
    Vgg19,
    /// VGG16, in the text.
    Vgg16,
    /// ResNet34, in the text.
    ResNet34,
}

/// The datasets with published numbers. OCTMNIST is described in the text, with 8 classes where it has 4, but has no
/// number; Table 2 has BloodMNIST, which has 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// ChestX-ray14: mean AUROC of its 14 diseases.
    ChestXray14,
    /// PathMNIST: accuracy.
    PathMnist,
    /// DermaMNIST: accuracy.
    DermaMnist,
    /// BloodMNIST: accuracy.
    BloodMnist,
}

/// What the paper compares on a backbone of its own training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Trained as usual, for as many epochs in all.
    Baseline,
    /// Fine-tuned with in-model merging.
    InMerge,
}

/// A number of the paper, with three decimals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// The value; of Table 2, the mean of five runs.
    pub mean: f64,
    /// Standard deviation of the five runs of Table 2; the paper does not say with which divisor.
    pub sd: Option<f64>,
}

/// A row of Table 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChestRow {
    /// The model as printed, without the reference.
    pub model: &'static str,
    /// AUROC of each disease, in the order of [`DISEASES`].
    pub diseases: [f64; 14],
    /// The average as printed. By the printed values it would end in another digit for DualCXN (0.824) and InMerge
    /// (0.831); the rounding of the 14 values is enough to explain both.
    pub average: f64,
}

/// The diseases of Table 1 as the dataset spells them, with the head that the paper prints. Its caption leaves out
/// Atelectasis; that Pneu1 is pneumonia and Pneu2 pneumothorax follows from the caption's order.
pub const DISEASES: [(&str, &str); 14] = [
    ("Atelectasis", "Atel"),
    ("Cardiomegaly", "Card"),
    ("Effusion", "Effu"),
    ("Infiltration", "Infi"),
    ("Mass", "Mass"),
    ("Nodule", "Nodu"),
    ("Pneumonia", "Pneu1"),
    ("Pneumothorax", "Pneu2"),
    ("Consolidation", "Cons"),
    ("Edema", "Edem"),
    ("Emphysema", "Emph"),
    ("Fibrosis", "Fibr"),
    ("Pleural_Thickening", "P T"),
    ("Hernia", "Hern"),
];

/// Table 1: ten earlier models, then InMerge on VGG19. The earlier models' numbers are those that the paper prints.
#[rustfmt::skip]
pub const TABLE_1: [ChestRow; 11] = [
    ChestRow { model: "U-DCNN", average: 0.745, diseases: [0.700, 0.810, 0.759, 0.661, 0.693, 0.669, 0.658, 0.799, 0.703, 0.805, 0.833, 0.786, 0.684, 0.872] },
    ChestRow { model: "LSTM", average: 0.761, diseases: [0.733, 0.856, 0.806, 0.673, 0.718, 0.777, 0.684, 0.805, 0.711, 0.806, 0.842, 0.743, 0.724, 0.775] },
    ChestRow { model: "AGCL", average: 0.803, diseases: [0.756, 0.887, 0.819, 0.689, 0.814, 0.755, 0.729, 0.850, 0.728, 0.848, 0.906, 0.818, 0.765, 0.875] },
    ChestRow { model: "CheXNet", average: 0.807, diseases: [0.769, 0.885, 0.825, 0.694, 0.824, 0.759, 0.715, 0.852, 0.745, 0.842, 0.906, 0.821, 0.766, 0.901] },
    ChestRow { model: "DNet", average: 0.807, diseases: [0.767, 0.883, 0.828, 0.709, 0.821, 0.758, 0.731, 0.846, 0.745, 0.835, 0.895, 0.818, 0.761, 0.896] },
    ChestRow { model: "CRAL", average: 0.816, diseases: [0.781, 0.880, 0.829, 0.702, 0.834, 0.773, 0.729, 0.857, 0.754, 0.850, 0.908, 0.830, 0.778, 0.917] },
    ChestRow { model: "CAN", average: 0.817, diseases: [0.777, 0.894, 0.829, 0.696, 0.838, 0.771, 0.722, 0.862, 0.750, 0.846, 0.908, 0.827, 0.779, 0.934] },
    ChestRow { model: "DualCXN", average: 0.823, diseases: [0.784, 0.888, 0.831, 0.705, 0.838, 0.796, 0.727, 0.876, 0.746, 0.852, 0.942, 0.837, 0.796, 0.912] },
    ChestRow { model: "LLAGnet", average: 0.824, diseases: [0.783, 0.885, 0.834, 0.703, 0.841, 0.790, 0.729, 0.877, 0.754, 0.851, 0.939, 0.832, 0.798, 0.916] },
    ChestRow { model: "CheXGCN", average: 0.826, diseases: [0.786, 0.893, 0.832, 0.699, 0.840, 0.800, 0.739, 0.876, 0.751, 0.850, 0.944, 0.834, 0.795, 0.929] },
    ChestRow { model: "InMerge", average: 0.830, diseases: [0.805, 0.895, 0.881, 0.710, 0.842, 0.750, 0.770, 0.878, 0.801, 0.888, 0.915, 0.818, 0.773, 0.903] },
];

/// Baseline and InMerge. VGG19 has no baseline on ChestX-ray14 but a line in Fig. 2c.
const PAIRS: [(Backbone, Dataset, Option<Published>, Published); 6] = [
    (Backbone::Vgg19, Dataset::ChestXray14, None, value(0.830)),
    (Backbone::Vgg16, Dataset::ChestXray14, Some(value(0.807)), value(0.817)),
    (Backbone::ResNet34, Dataset::ChestXray14, Some(value(0.792)), value(0.796)),
    (Backbone::Vgg19, Dataset::PathMnist, Some(spread(0.898, 0.010)), spread(0.924, 0.002)),
    (Backbone::Vgg19, Dataset::DermaMnist, Some(spread(0.745, 0.009)), spread(0.760, 0.005)),
    (Backbone::Vgg19, Dataset::BloodMnist, Some(spread(0.941, 0.005)), spread(0.948, 0.004)),
];

/// What there is to say of the paper's own numbers.
const TRAPS: [(Backbone, Dataset, &str); 2] = [
    (
        Backbone::Vgg19,
        Dataset::ChestXray14,
        "The paper's average for InMerge on ChestX-ray14 is 0.830; the mean of its 14 printed values is 0.831, which \
         their rounding can explain.",
    ),
    (
        Backbone::Vgg19,
        Dataset::PathMnist,
        "The paper's text has InMerge gain 2.9 % on PathMNIST; that is relative to the baseline: by its table it gains \
         2.6 points (0.924, 0.898).",
    ),
];

const fn value(mean: f64) -> Published {
    Published { mean, sd: None }
}

const fn spread(mean: f64, sd: f64) -> Published {
    Published { mean, sd: Some(sd) }
}

/// The published test value; `None` where the paper has none.
pub fn published(backbone: Backbone, method: Method, dataset: Dataset) -> Option<Published> {
    let (.., baseline, inmerge) = PAIRS.into_iter().find(|pair| (pair.0, pair.1) == (backbone, dataset))?;
    match method {
        Method::Baseline => baseline,
        Method::InMerge => Some(inmerge),
    }
}

/// Where a disease stands in [`DISEASES`], without regard to case and punctuation.
pub fn disease(name: &str) -> Option<usize> {
    DISEASES.iter().position(|(disease, _)| same(disease, name))
}

/// What there is to say of the paper's own numbers for such a backbone and dataset.
pub(crate) fn traps(backbone: Backbone, dataset: Dataset) -> impl Iterator<Item = &'static str> {
    TRAPS.into_iter().filter(move |trap| (trap.0, trap.1) == (backbone, dataset)).map(|(.., text)| text)
}

impl Backbone {
    /// By its label, without regard to case and punctuation; `None` if the paper has no number of it.
    pub fn named(name: &str) -> Option<Backbone> {
        find([Backbone::Vgg19, Backbone::Vgg16, Backbone::ResNet34].map(|of| (of.label(), of)), name)
    }

    /// As printed in the paper.
    pub fn label(self) -> &'static str {
        match self {
            Backbone::Vgg19 => "VGG19",
            Backbone::Vgg16 => "VGG16",
            Backbone::ResNet34 => "ResNet34",
        }
    }
}

impl Dataset {
    /// All, in the order of the tables.
    pub const ALL: [Dataset; 4] =
        [Dataset::ChestXray14, Dataset::PathMnist, Dataset::DermaMnist, Dataset::BloodMnist];

    /// By its label, without regard to case and punctuation; `None` if the paper has no number on it.
    pub fn named(name: &str) -> Option<Dataset> {
        find(Dataset::ALL.map(|dataset| (dataset.label(), dataset)), name)
    }

    /// As its authors call it.
    pub fn label(self) -> &'static str {
        match self {
            Dataset::ChestXray14 => "ChestX-ray14",
            Dataset::PathMnist => "PathMNIST",
            Dataset::DermaMnist => "DermaMNIST",
            Dataset::BloodMnist => "BloodMNIST",
        }
    }

    /// What the published values are.
    pub fn metric(self) -> Metric {
        match self {
            Dataset::ChestXray14 => Metric::Auroc,
            Dataset::PathMnist | Dataset::DermaMnist | Dataset::BloodMnist => Metric::Accuracy,
        }
    }
}

impl Method {
    /// By its label, without regard to case and punctuation; `None` if it is not the paper's.
    pub fn named(name: &str) -> Option<Method> {
        find([Method::Baseline, Method::InMerge].map(|method| (method.label(), method)), name)
    }

    /// As printed in the paper.
    pub fn label(self) -> &'static str {
        match self {
            Method::Baseline => "Baseline",
            Method::InMerge => "InMerge",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousandths(value: f64) -> u32 {
        (value * 1e3).round() as u32
    }

    /// Sums of each row's 14 printed values in thousandths, counted from the paper: a slip in any number shows.
    #[test]
    fn rows_add_up() {
        let sums = TABLE_1.map(|row| row.diseases.map(thousandths).iter().sum::<u32>());
        assert_eq!(sums, [10432, 10653, 11239, 11304, 11293, 11422, 11433, 11530, 11532, 11568, 11629]);
    }

    /// Two printed averages are not the rounded mean of the printed values, but no further off than rounding the
    /// values (half a thousandth) and the average (another half) allows.
    #[test]
    fn averages_are_the_means_of_the_rows_but_for_two() {
        let mean = |row: &ChestRow| row.diseases.iter().sum::<f64>() / 14.0;
        let off = TABLE_1.into_iter().filter(|row| thousandths(mean(row)) != thousandths(row.average));
        assert_eq!(
            off.map(|row| (row.model, thousandths(mean(&row)))).collect::<Vec<_>>(),
            [("DualCXN", 824), ("InMerge", 831)]
        );
        assert!(TABLE_1.iter().all(|row| (mean(row) - row.average).abs() < 1e-3));
    }

    /// The text says that InMerge ranks first in 10 of the 15 columns.
    #[test]
    fn inmerge_is_first_where_the_text_says() {
        let columns = |row: &ChestRow| [row.diseases.as_slice(), &[row.average]].concat();
        let [earlier @ .., ours] = TABLE_1.each_ref().map(columns);
        let first = |at: &usize| earlier.iter().all(|row| row[*at] < ours[*at]);
        assert_eq!((0..15).filter(first).count(), 10);
    }

    #[test]
    fn numbers_are_the_papers() {
        use Method::{Baseline, InMerge};
        let chest = |backbone, method| published(backbone, method, Dataset::ChestXray14).map(|of| of.mean);
        assert_eq!(chest(Backbone::Vgg19, InMerge), Some(TABLE_1[10].average));
        assert_eq!(chest(Backbone::Vgg19, Baseline), None);
        assert_eq!(chest(Backbone::Vgg16, Baseline), Some(0.807));
        assert_eq!(chest(Backbone::ResNet34, InMerge), Some(0.796));
        let derma = published(Backbone::Vgg19, Baseline, Dataset::DermaMnist);
        assert_eq!(derma, Some(Published { mean: 0.745, sd: Some(0.009) }));
        assert_eq!(published(Backbone::Vgg16, InMerge, Dataset::PathMnist), None);
    }

    #[test]
    fn names_are_found_in_any_spelling() {
        assert_eq!(Backbone::named("vgg-19"), Some(Backbone::Vgg19));
        assert_eq!(Dataset::named("chestxray14"), Some(Dataset::ChestXray14));
        assert_eq!(Method::named("in-merge"), Some(Method::InMerge));
        assert_eq!(disease("pleural thickening"), Some(12));
        assert_eq!(disease("No Finding"), None);
        assert_eq!((Backbone::named("vgg11"), Dataset::named("OCTMNIST")), (None, None));
    }
}
