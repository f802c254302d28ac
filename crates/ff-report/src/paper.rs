//! The numbers that FissionFusion published (Sanjeev et al., MICCAI 2024): Table 1 and Table 1 of the appendix.

use ff_eval::Metric;

use crate::table::Column;

/// Where the numbers come from.
pub const SOURCE: &str = "Sanjeev et al., FissionFusion: Fast Geometric Generation and Hierarchical Souping for Medical \
                          Image Analysis, Table 1 and appendix Table 1";

/// The backbones of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backbone {
    /// ResNet50.
    ResNet50,
    /// DeiT-B/16.
    DeitB,
}

/// The datasets of the tables, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// CIFAR-10.
    Cifar10,
    /// CIFAR-100.
    Cifar100,
    /// APTOS 2019.
    Aptos,
    /// HAM10000.
    Ham10000,
    /// RSNA pneumonia.
    Rsna,
    /// CheXpert.
    Chexpert,
    /// EyePACS; not in the appendix.
    Eyepacs,
}

/// The methods of the tables: six of Table 1, then five of the appendix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Best single model of the grid search.
    GsBest,
    /// Uniform soup of the grid search.
    UniformSoup,
    /// Greedy soup of the grid search.
    GreedySoup,
    /// Best single model of FGG.
    FggBest,
    /// Greedy of uniform, of FGG.
    Gou,
    /// Greedy of greedy, of FGG.
    Gog,
    /// Greedy of uniform, of the grid search.
    GsGou,
    /// Greedy of greedy, of the grid search.
    GsGog,
    /// Uniform soup of FGG.
    FggUniform,
    /// Greedy soup of FGG.
    FggGreedy,
    /// Hierarchical soup of FGG with the augmentation as the top level.
    FggAugmentationTop,
}

use Backbone::{DeitB, ResNet50};
use Method::{
    FggAugmentationTop, FggBest, FggGreedy, FggUniform, Gog, Gou, GreedySoup, GsBest, GsGog, GsGou,
    UniformSoup,
};

const TABLE_1: [(Backbone, Method, [f64; 7]); 12] = [
    (ResNet50, GsBest, [0.9769, 0.8380, 0.7086, 0.6074, 0.9444, 0.8444, 0.4750]),
    (ResNet50, UniformSoup, [0.8703, 0.7652, 0.5509, 0.5698, 0.9171, 0.5752, 0.1738]),
    (ResNet50, GreedySoup, [0.9769, 0.8401, 0.7247, 0.6074, 0.9444, 0.8444, 0.4750]),
    (ResNet50, FggBest, [0.9783, 0.8464, 0.7172, 0.6614, 0.9518, 0.8434, 0.4874]),
    (ResNet50, Gou, [0.9785, 0.8457, 0.6909, 0.6818, 0.9545, 0.8351, 0.4905]),
    (ResNet50, Gog, [0.9785, 0.8477, 0.7172, 0.6614, 0.9518, 0.8488, 0.4900]),
    (DeitB, GsBest, [0.9871, 0.8919, 0.6903, 0.6487, 0.9503, 0.8143, 0.4807]),
    (DeitB, UniformSoup, [0.9386, 0.8551, 0.1637, 0.1429, 0.4147, 0.7177, 0.1697]),
    (DeitB, GreedySoup, [0.9892, 0.8968, 0.6785, 0.6487, 0.9503, 0.8068, 0.4865]),
    (DeitB, FggBest, [0.9876, 0.8963, 0.7011, 0.6393, 0.9529, 0.8619, 0.5029]),
    (DeitB, Gou, [0.9899, 0.8968, 0.6976, 0.6495, 0.9579, 0.7609, 0.4903]),
    (DeitB, Gog, [0.9901, 0.8987, 0.7003, 0.6393, 0.9529, 0.8644, 0.4940]),
];

/// Without EyePACS.
const APPENDIX_TABLE_1: [(Backbone, Method, [f64; 6]); 10] = [
    (ResNet50, GsGou, [0.9777, 0.8434, 0.6553, 0.6589, 0.9474, 0.8194]),
    (ResNet50, GsGog, [0.9771, 0.8409, 0.7045, 0.6071, 0.9444, 0.8444]),
    (ResNet50, FggUniform, [0.9218, 0.8076, 0.5912, 0.6070, 0.9104, 0.7313]),
    (ResNet50, FggGreedy, [0.9776, 0.8466, 0.7172, 0.6614, 0.9518, 0.8488]),
    (ResNet50, FggAugmentationTop, [0.9769, 0.8410, 0.7118, 0.6317, 0.9444, 0.8444]),
    (DeitB, GsGou, [0.9887, 0.8975, 0.6797, 0.6713, 0.9499, 0.8609]),
    (DeitB, GsGog, [0.9886, 0.8957, 0.6990, 0.6487, 0.9530, 0.8707]),
    (DeitB, FggUniform, [0.9309, 0.8509, 0.3067, 0.1429, 0.3781, 0.7199]),
    (DeitB, FggGreedy, [0.9895, 0.9003, 0.6828, 0.6833, 0.9529, 0.8653]),
    (DeitB, FggAugmentationTop, [0.9892, 0.8946, 0.6741, 0.6487, 0.9503, 0.8691]),
];

/// Where the paper's text says other than its tables.
const DISAGREEMENTS: [(Backbone, Dataset, &str); 3] = [
    (
        ResNet50,
        Dataset::Aptos,
        "The paper's text has GoG above Greedy Soup in almost all cases; on ResNet50 and APTOS its table has GoG below it \
         (0.7172, 0.7247).",
    ),
    (
        DeitB,
        Dataset::Ham10000,
        "The paper's text has GoG above Greedy Soup in almost all cases; on DeiT-B and HAM10000 its table has GoG below \
         it (0.6393, 0.6487).",
    ),
    (
        ResNet50,
        Dataset::Ham10000,
        "The paper's text has GoG gain around 6 points on ResNet50 and HAM10000; by its table it gains 5.4 (0.6614, \
         0.6074).",
    ),
];

/// The published test value; `None` where the paper has none.
pub fn published(backbone: Backbone, method: Method, dataset: Dataset) -> Option<f64> {
    let first = TABLE_1.iter().map(|(b, m, values)| (b, m, values.as_slice()));
    let second = APPENDIX_TABLE_1.iter().map(|(b, m, values)| (b, m, values.as_slice()));
    let (.., values) = first.chain(second).find(|&(&b, &m, _)| (b, m) == (backbone, method))?;
    values.get(dataset as usize).copied()
}

/// What there is to say of the paper's own numbers in such a column.
pub(crate) fn disagreements(column: &Column) -> impl Iterator<Item = &'static str> {
    let place = (Backbone::named(&column.backbone), Dataset::named(&column.dataset));
    DISAGREEMENTS
        .into_iter()
        .filter(move |&(backbone, dataset, _)| place == (Some(backbone), Some(dataset)))
        .map(|(.., text)| text)
}

impl Backbone {
    /// By its label or timm's name, without regard to case and punctuation; `None` if it is not the paper's.
    pub fn named(name: &str) -> Option<Backbone> {
        let names = [
            ("ResNet50", ResNet50),
            ("DeiT-B", DeitB),
            ("DeiT-B/16", DeitB),
            ("deit_base_patch16_224", DeitB),
        ];
        find(names, name)
    }

    /// As printed in the paper.
    pub fn label(self) -> &'static str {
        match self {
            ResNet50 => "ResNet50",
            DeitB => "DeiT-B",
        }
    }
}

impl Dataset {
    /// All, in the order of Table 1.
    pub const ALL: [Dataset; 7] = [
        Dataset::Cifar10,
        Dataset::Cifar100,
        Dataset::Aptos,
        Dataset::Ham10000,
        Dataset::Rsna,
        Dataset::Chexpert,
        Dataset::Eyepacs,
    ];

    /// By its label, without regard to case and punctuation; `None` if it is not the paper's.
    pub fn named(name: &str) -> Option<Dataset> {
        find(Dataset::ALL.map(|dataset| (dataset.label(), dataset)), name)
    }

    /// As printed in the paper.
    pub fn label(self) -> &'static str {
        match self {
            Dataset::Cifar10 => "CIFAR10",
            Dataset::Cifar100 => "CIFAR100",
            Dataset::Aptos => "APTOS",
            Dataset::Ham10000 => "HAM10000",
            Dataset::Rsna => "RSNA",
            Dataset::Chexpert => "CheXpert",
            Dataset::Eyepacs => "EyePACS",
        }
    }

    /// What the published values are.
    pub fn metric(self) -> Metric {
        match self {
            Dataset::Cifar10 | Dataset::Cifar100 => Metric::Accuracy,
            Dataset::Aptos | Dataset::Rsna | Dataset::Eyepacs => Metric::MacroF1,
            Dataset::Ham10000 => Metric::MacroRecall,
            Dataset::Chexpert => Metric::Auroc,
        }
    }
}

impl Method {
    /// All, in the order of the tables.
    pub const ALL: [Method; 11] = [
        GsBest,
        UniformSoup,
        GreedySoup,
        FggBest,
        Gou,
        Gog,
        GsGou,
        GsGog,
        FggUniform,
        FggGreedy,
        FggAugmentationTop,
    ];

    /// By its label, without regard to case and punctuation; `None` if it is not the paper's.
    pub fn named(name: &str) -> Option<Method> {
        find(Method::ALL.map(|method| (method.label(), method)), name)
    }

    /// Near to how the paper prints it.
    pub fn label(self) -> &'static str {
        match self {
            GsBest => "GS (best)",
            UniformSoup => "Uniform Soup",
            GreedySoup => "Greedy Soup",
            FggBest => "FGG (best)",
            Gou => "GoU",
            Gog => "GoG",
            GsGou => "GS + HS (GoU)",
            GsGog => "GS + HS (GoG)",
            FggUniform => "FGG + Uniform Soup",
            FggGreedy => "FGG + Greedy Soup",
            FggAugmentationTop => "FGG + HS (Aug@top)",
        }
    }
}

/// The item of that name; see [`same`].
pub(crate) fn find<T, const N: usize>(names: [(&str, T); N], name: &str) -> Option<T> {
    names.into_iter().find(|(known, _)| same(known, name)).map(|(_, item)| item)
}

/// Whether two names differ in nothing but case and punctuation.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let letters =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    letters(one) == letters(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_papers() {
        let value = |backbone, method, dataset| published(backbone, method, dataset).unwrap();
        assert_eq!(value(ResNet50, Gog, Dataset::Ham10000), 0.6614);
        assert_eq!(value(DeitB, Gou, Dataset::Rsna), 0.9579);
        assert_eq!(value(DeitB, FggGreedy, Dataset::Chexpert), 0.8653);
        assert_eq!(published(ResNet50, GsGou, Dataset::Eyepacs), None);
    }

    #[test]
    fn every_method_is_there_for_both_backbones() {
        for method in Method::ALL {
            for backbone in [ResNet50, DeitB] {
                for dataset in Dataset::ALL {
                    let expected = dataset != Dataset::Eyepacs || TABLE_1.iter().any(|row| row.1 == method);
                    assert_eq!(
                        published(backbone, method, dataset).is_some(),
                        expected,
                        "{method:?} {dataset:?}"
                    );
                }
            }
        }
    }

    /// Sums of the printed digits, counted in ten-thousandths from the paper: a slip in any number shows.
    #[test]
    fn columns_add_up() {
        let sum = |rows: &mut dyn Iterator<Item = f64>| rows.map(|v| (v * 1e4).round() as u32).sum::<u32>();
        let table = [0, 1, 2, 3, 4, 5, 6].map(|at| sum(&mut TABLE_1.iter().map(|row| row.2[at])));
        assert_eq!(table, [116419, 103187, 77410, 71576, 108430, 96173, 52158]);
        let appendix = [0, 1, 2, 3, 4, 5].map(|at| sum(&mut APPENDIX_TABLE_1.iter().map(|row| row.2[at])));
        assert_eq!(appendix, [97180, 86185, 64223, 59610, 88826, 82742]);
    }

    /// The text says that GoG beats Greedy Soup in almost all cases, and gains around 6 points on HAM10000.
    #[test]
    fn text_and_table_disagree_where_we_say() {
        let value = |backbone, method, dataset| published(backbone, method, dataset).unwrap();
        for backbone in [ResNet50, DeitB] {
            for dataset in Dataset::ALL {
                let loses = value(backbone, Gog, dataset) < value(backbone, GreedySoup, dataset);
                let known =
                    [(ResNet50, Dataset::Aptos), (DeitB, Dataset::Ham10000)].contains(&(backbone, dataset));
                assert_eq!(loses, known, "{backbone:?} {dataset:?}");
            }
        }
        let gain = value(ResNet50, Gog, Dataset::Ham10000) - value(ResNet50, GreedySoup, Dataset::Ham10000);
        assert!((gain - 0.054).abs() < 1e-9);
        let column = Column {
            backbone: "resnet50".into(),
            dataset: "Ham-10000".into(),
            metric: Metric::MacroRecall,
            ood: vec![],
            paper: true,
        };
        assert_eq!(disagreements(&column).count(), 1);
    }

    #[test]
    fn names_are_found_in_any_spelling() {
        assert_eq!(Backbone::named("deit_base_patch16_224"), Some(DeitB));
        assert_eq!(Backbone::named("resnet18"), None);
        assert_eq!(Dataset::named("cifar-10"), Some(Dataset::Cifar10));
        assert_eq!(Method::named("gs(best)"), Some(GsBest));
        for method in Method::ALL {
            assert_eq!(Method::named(method.label()), Some(method));
        }
    }
}
