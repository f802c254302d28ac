//! Published numbers of papers. Each paper is a file in the folder `published` and an entry in
//! [`PAPERS`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ff_eval::Metric;
use serde::Deserialize;

/// The numbers of FissionFusion: Table 1, and Table 1 of the appendix.
pub static FISSIONFUSION: LazyLock<Paper> =
    LazyLock::new(|| parse(include_str!("../published/fissionfusion.toml")));

/// The numbers of InMerge: Tables 1 and 2, and the pairs in its text.
pub static INMERGE: LazyLock<Paper> = LazyLock::new(|| parse(include_str!("../published/inmerge.toml")));

/// All papers, by the names of their files.
pub static PAPERS: [(&str, &LazyLock<Paper>); 2] = [("fissionfusion", &FISSIONFUSION), ("inmerge", &INMERGE)];

/// The published numbers of a paper.
///
/// Upper and lower case, spaces and punctuation of names do not matter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// The source of the numbers: authors, title and tables.
    pub source: String,
    /// The backbones with published numbers.
    backbones: Vec<PublishedBackbone>,
    /// The datasets with published numbers, in the order of the tables.
    pub datasets: Vec<PublishedDataset>,
    /// The methods, spelled nearly as in the paper, in the order of the tables.
    pub methods: Vec<String>,
    /// The tasks of a table of tasks.
    #[serde(default)]
    pub tasks: Vec<PublishedTask>,
    row: Vec<PublishedRow>,
    /// The rows of the table of tasks.
    #[serde(default, rename = "model")]
    pub models: Vec<PublishedModel>,
    remark: Vec<Remark>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedBackbone {
    label: String,
    #[serde(default)]
    names: Vec<String>,
}

/// A dataset with published numbers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedDataset {
    /// The name in the paper or of its authors.
    pub label: String,
    /// The metric of the published values.
    pub metric: Metric,
}

/// A task of a table of tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedTask {
    /// The name in the dataset.
    pub name: String,
    /// The head of the column in the paper.
    pub head: String,
}

/// A published number.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Published {
    /// A value of one run, or of an unknown number of runs.
    Value(f64),
    /// Mean and standard deviation of several runs.
    Spread {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        sd: f64,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedRow {
    backbone: String,
    method: String,
    values: BTreeMap<String, Published>,
}

/// A row of a table of tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedModel {
    /// The printed name of the model, without the reference.
    pub name: String,
    /// The printed average.
    pub average: f64,
    /// The value of each task, in the order of [`Paper::tasks`].
    pub tasks: Vec<f64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remark {
    backbone: String,
    dataset: String,
    text: String,
}

fn parse(text: &str) -> Paper {
    toml::from_str(text).expect("the file is part of this program, and a test reads it")
}

impl Published {
    /// The value, or the mean of several runs.
    pub fn mean(self) -> f64 {
        match self {
            Self::Value(mean) | Self::Spread { mean, .. } => mean,
        }
    }

    /// The standard deviation of several runs.
    pub fn sd(self) -> Option<f64> {
        match self {
            Self::Value(_) => None,
            Self::Spread { sd, .. } => Some(sd),
        }
    }
}

impl Paper {
    /// The label of a backbone by any of its names; `None` if the paper has no number for it.
    pub fn backbone(&self, name: &str) -> Option<&str> {
        let is =
            |of: &&PublishedBackbone| same(&of.label, name) || of.names.iter().any(|known| same(known, name));
        self.backbones.iter().find(is).map(|of| of.label.as_str())
    }

    /// The dataset with this label; `None` if the paper has no number for it.
    pub fn dataset(&self, name: &str) -> Option<&PublishedDataset> {
        self.datasets.iter().find(|of| same(&of.label, name))
    }

    /// The label of a method as the paper spells it; `None` if the paper does not have the method.
    pub fn method(&self, name: &str) -> Option<&str> {
        self.methods.iter().find(|of| same(of, name)).map(String::as_str)
    }

    /// The index of a task in [`Paper::tasks`].
    pub fn task(&self, name: &str) -> Option<usize> {
        self.tasks.iter().position(|of| same(&of.name, name))
    }

    /// The published test value; `None` where the paper has none.
    pub fn value(&self, backbone: &str, method: &str, dataset: &str) -> Option<Published> {
        let backbone = self.backbone(backbone)?;
        let rows = self.row.iter().filter(|row| row.backbone == backbone && same(&row.method, method));
        let mut values = rows.flat_map(|row| &row.values);
        values.find(|(label, _)| same(label, dataset)).map(|(_, value)| *value)
    }

    /// Remarks on the paper's numbers for a backbone and a dataset.
    pub fn remarks(&self, backbone: &str, dataset: &str) -> impl Iterator<Item = &str> {
        let backbone = self.backbone(backbone);
        let of_these = self.remark.iter().filter(move |remark| Some(remark.backbone.as_str()) == backbone);
        of_these.filter(move |remark| same(&remark.dataset, dataset)).map(|remark| remark.text.as_str())
    }
}

/// Returns true if two names differ only in case, spaces and punctuation.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let letters =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    letters(one) == letters(other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn fission(backbone: &str, method: &str, dataset: &str) -> f64 {
        FISSIONFUSION.value(backbone, method, dataset).unwrap().mean()
    }

    fn thousandths(value: f64) -> u32 {
        (value * 1e3).round() as u32
    }

    #[test]
    fn names_in_rows_are_listed() {
        for (name, paper) in PAPERS {
            for row in &paper.row {
                assert_eq!(paper.backbone(&row.backbone), Some(row.backbone.as_str()), "{name}");
                assert_eq!(paper.method(&row.method), Some(row.method.as_str()), "{name}");
                let known = |label: &String| paper.dataset(label).is_some_and(|of| of.label == *label);
                assert!(row.values.keys().all(known), "{name}: {row:?}");
            }
            let rows: BTreeSet<_> = paper.row.iter().map(|row| (&row.backbone, &row.method)).collect();
            assert_eq!(rows.len(), paper.row.len(), "{name}: expected unique rows");
            for remark in &paper.remark {
                assert!(paper.remarks(&remark.backbone, &remark.dataset).count() > 0, "{name}: {remark:?}");
            }
            assert!(paper.models.iter().all(|model| model.tasks.len() == paper.tasks.len()), "{name}");
            assert!(!paper.source.is_empty(), "{name}");
        }
    }

    #[test]
    fn numbers_match_the_papers() {
        assert_eq!(fission("ResNet50", "GoG", "HAM10000"), 0.6614);
        assert_eq!(fission("DeiT-B", "GoU", "RSNA"), 0.9579);
        assert_eq!(fission("DeiT-B", "FGG + Greedy Soup", "CheXpert"), 0.8653);
        assert_eq!(FISSIONFUSION.value("ResNet50", "GS + HS (GoU)", "EyePACS"), None);
        let chest = |backbone, method| INMERGE.value(backbone, method, "ChestX-ray14").map(Published::mean);
        assert_eq!(chest("VGG19", "InMerge"), Some(INMERGE.models[10].average));
        assert_eq!(chest("VGG19", "Baseline"), None);
        assert_eq!(chest("VGG16", "Baseline"), Some(0.807));
        assert_eq!(chest("ResNet34", "InMerge"), Some(0.796));
        let derma = INMERGE.value("VGG19", "Baseline", "DermaMNIST");
        assert_eq!(derma, Some(Published::Spread { mean: 0.745, sd: 0.009 }));
        assert_eq!(INMERGE.value("VGG16", "InMerge", "PathMNIST"), None);
        // Sums of all means and standard deviations in thousandths, computed from the paper.
        let values: Vec<&Published> = INMERGE.row.iter().flat_map(|row| row.values.values()).collect();
        let sum =
            |of: &dyn Fn(&Published) -> f64| values.iter().map(|value| thousandths(of(value))).sum::<u32>();
        assert_eq!((values.len(), sum(&|value| value.mean())), (11, 9258));
        assert_eq!(sum(&|value| value.sd().unwrap_or(0.0)), 35);
    }

    #[test]
    fn fissionfusion_has_every_method_for_both_backbones() {
        let table_1 = &FISSIONFUSION.methods[..6];
        for method in &FISSIONFUSION.methods {
            for backbone in ["ResNet50", "DeiT-B"] {
                for PublishedDataset { label, .. } in &FISSIONFUSION.datasets {
                    let expected = label != "EyePACS" || table_1.contains(method);
                    let found = FISSIONFUSION.value(backbone, method, label);
                    assert_eq!(found.is_some(), expected, "{method} {label}");
                }
            }
        }
    }

    /// Sums in ten-thousandths, computed from the paper, which detect an error in any number.
    #[test]
    fn columns_of_fissionfusion_add_up() {
        let (table, appendix) = FISSIONFUSION.row.split_at(12);
        let sums = |rows: &[PublishedRow]| -> Vec<u32> {
            let of = |dataset: &PublishedDataset| {
                let values = rows.iter().filter_map(|row| row.values.get(&dataset.label));
                values.map(|value| (value.mean() * 1e4).round() as u32).sum()
            };
            FISSIONFUSION.datasets.iter().map(of).collect()
        };
        assert_eq!(sums(table), [116419, 103187, 77410, 71576, 108430, 96173, 52158]);
        assert_eq!(sums(appendix), [97180, 86185, 64223, 59610, 88826, 82742, 0]);
    }

    /// The paper's text says that GoG is better than Greedy Soup in almost all cases, and gains
    /// around 6 points on HAM10000.
    #[test]
    fn text_and_table_disagree_as_remarked() {
        for backbone in ["ResNet50", "DeiT-B"] {
            for PublishedDataset { label, .. } in &FISSIONFUSION.datasets {
                let loses = fission(backbone, "GoG", label) < fission(backbone, "Greedy Soup", label);
                let known = [("ResNet50", "APTOS"), ("DeiT-B", "HAM10000")].contains(&(backbone, label));
                assert_eq!(loses, known, "{backbone} {label}");
            }
        }
        let gain = fission("ResNet50", "GoG", "HAM10000") - fission("ResNet50", "Greedy Soup", "HAM10000");
        assert!((gain - 0.054).abs() < 1e-9);
        assert_eq!(FISSIONFUSION.remarks("resnet50", "Ham-10000").count(), 1);
    }

    /// Sums of each row's 14 printed values in thousandths, computed from the paper, which detect
    /// an error in any number.
    #[test]
    fn rows_of_inmerge_add_up() {
        let sums = INMERGE.models.iter().map(|row| row.tasks.iter().copied().map(thousandths).sum::<u32>());
        assert_eq!(
            sums.collect::<Vec<_>>(),
            [10432, 10653, 11239, 11304, 11293, 11422, 11433, 11530, 11532, 11568, 11629]
        );
    }

    /// Two printed averages differ from the rounded mean of the printed values, but by no more than
    /// the rounding of values (half a thousandth) and average (another half) allows.
    #[test]
    fn two_averages_differ_from_the_means_of_their_rows() {
        let mean = |row: &PublishedModel| row.tasks.iter().sum::<f64>() / 14.0;
        let off = INMERGE.models.iter().filter(|row| thousandths(mean(row)) != thousandths(row.average));
        assert_eq!(
            off.map(|row| (row.name.as_str(), thousandths(mean(row)))).collect::<Vec<_>>(),
            [("DualCXN", 824), ("InMerge", 831)]
        );
        assert!(INMERGE.models.iter().all(|row| (mean(row) - row.average).abs() < 1e-3));
    }

    /// The paper's text says that InMerge ranks first in 10 of the 15 columns.
    #[test]
    fn inmerge_is_first_in_ten_columns() {
        let columns = |row: &PublishedModel| [row.tasks.as_slice(), &[row.average]].concat();
        let rows: Vec<_> = INMERGE.models.iter().map(columns).collect();
        let (ours, earlier) = rows.split_last().unwrap();
        let first = |at: &usize| earlier.iter().all(|row| row[*at] < ours[*at]);
        assert_eq!((0..15).filter(first).count(), 10);
    }

    #[test]
    fn names_are_found_in_any_spelling() {
        assert_eq!(FISSIONFUSION.backbone("deit_base_patch16_224"), Some("DeiT-B"));
        assert_eq!(FISSIONFUSION.backbone("resnet18"), None);
        assert_eq!(FISSIONFUSION.dataset("cifar-10").unwrap().label, "CIFAR10");
        assert_eq!(FISSIONFUSION.method("gs(best)"), Some("GS (best)"));
        assert_eq!(INMERGE.backbone("vgg-19"), Some("VGG19"));
        assert_eq!(INMERGE.dataset("chestxray14").unwrap().label, "ChestX-ray14");
        assert_eq!(INMERGE.method("in-merge"), Some("InMerge"));
        assert_eq!(INMERGE.task("pleural thickening"), Some(12));
        assert_eq!(INMERGE.task("No Finding"), None);
        assert_eq!((INMERGE.backbone("vgg11"), INMERGE.dataset("OCTMNIST")), (None, None));
    }
}
