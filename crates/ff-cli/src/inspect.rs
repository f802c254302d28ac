//! The report of `ff-data inspect`, as text and as JSON.

use anyhow::ensure;
use ff_data::{Dataset, Leakage, Published, Split, SplitRule, Splits, Target};
use serde::Serialize;
use serde_json::{Value, json};

use crate::source::Source;

/// The number of leaking groups and images that the text lists; the JSON has all of them.
const LISTED: usize = 5;

/// A dataset's counts, splits, leakage and differences from the published numbers.
#[derive(Serialize)]
pub struct Inspection {
    images: usize,
    digest: String,
    split_rule: SplitRule,
    #[serde(flatten)]
    parts: serde_json::Map<String, Value>,
    notes: Vec<String>,
    published: Option<Published>,
    differences: Vec<String>,
    leakage: Leakage,
    unreadable: Option<Vec<String>>,
    #[serde(skip)]
    names: Vec<String>,
    #[serde(skip)]
    counts: [Vec<[usize; 3]>; 3],
    #[serde(skip)]
    sizes: [usize; 3],
}

impl Inspection {
    /// Inspects a dataset. With `decode`, decodes every image and lists those that fail.
    ///
    /// # Errors
    /// The dataset cannot be opened or split.
    pub fn of(source: &Source, decode: bool) -> anyhow::Result<Self> {
        let dataset = source.open()?;
        let dataset = dataset.as_ref();
        let splits = source.split(dataset)?;
        let names = dataset.task().names().to_vec();
        let counts = Split::ALL.map(|split| count(dataset, &splits, split));
        let sizes = Split::ALL.map(|split| splits.get(split).len());
        let parts = Split::ALL.iter().zip(&counts).zip(sizes).map(|((split, counts), images)| {
            (split.name().to_owned(), part(dataset, &names, counts, images))
        });
        let published = source.config()?.published(dataset);
        Ok(Self {
            images: dataset.samples().len(),
            digest: dataset.digest().to_owned(),
            split_rule: source.rule(dataset),
            parts: parts.collect(),
            notes: dataset.notes().to_vec(),
            published,
            differences: published.map_or(Vec::new(), |published| published.differences(dataset)),
            leakage: splits.leakage(dataset),
            unreadable: decode.then(|| unreadable(dataset)),
            names,
            counts,
            sizes,
        })
    }

    /// Lists groups and images that are in more than one split; empty if there are none.
    pub fn leaks(&self) -> String {
        let Leakage { groups, shared, duplicates } = &self.leakage;
        let mut text = String::new();
        if !shared.is_empty() {
            let names: Vec<&str> = shared.iter().take(LISTED).map(|shared| shared.group.as_str()).collect();
            text += &format!(
                "{} of {groups} groups (patients) are in more than one split, which makes scores too high ({}{})\n",
                shared.len(),
                names.join(", "),
                if shared.len() > LISTED { ", …" } else { "" }
            );
        }
        let across = duplicates.iter().flat_map(|duplicates| &duplicates.across);
        let count = across.clone().count();
        if count > 0 {
            text += &format!("{count} images have identical copies in more than one split:\n");
            for ids in across.take(LISTED) {
                text += &format!("  {}\n", ids.join(" = "));
            }
        }
        text
    }

    /// Refuses a dataset of which images could not be decoded.
    pub fn check_readable(&self) -> anyhow::Result<()> {
        let unreadable = self.unreadable.as_ref().map_or(0, Vec::len);
        ensure!(
            unreadable == 0,
            "{unreadable} of {} images cannot be read\n\
             hint: convert or remove them, or leave them out with `ff-grid run --on-bad-image skip`",
            self.images
        );
        Ok(())
    }

    /// Returns the report as text.
    pub fn text(&self) -> String {
        let rule = serde_json::to_string(&self.split_rule).expect("plain data");
        let mut text = format!("{} images, digest {}\nsplit: {rule}\n", self.images, self.digest);
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        match (&self.published, self.differences.as_slice()) {
            (None, _) => {}
            (Some(_), []) => text += "image counts equal the published numbers\n",
            (Some(_), differences) => {
                differences.iter().for_each(|difference| text += &format!("differs: {difference}\n"));
            }
        }
        text += "\n";
        let width = self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
        text += &format!("{:width$} {:>8} {:>8} {:>8}\n", "class", "train", "val", "test");
        let unknown = self.counts.iter().flatten().any(|counts| counts[2] > 0);
        for (class, name) in self.names.iter().enumerate() {
            let [train, val, test] = [0, 1, 2].map(|split: usize| self.counts[split][class][1]);
            text += &format!("{name:width$} {train:>8} {val:>8} {test:>8}");
            if unknown {
                let unknown: usize = self.counts.iter().map(|split| split[class][2]).sum();
                text += &format!("   {unknown} unknown");
            }
            text += "\n";
        }
        let [train, val, test] = self.sizes;
        text += &format!("{:width$} {train:>8} {val:>8} {test:>8}\n\n", "all");
        let Leakage { groups, shared, duplicates } = &self.leakage;
        if *groups == 0 {
            text += "the dataset names no groups (patients), so their leakage cannot be checked\n";
        } else if shared.is_empty() {
            text += &format!("{groups} groups, none in more than one split\n");
        }
        if let Some(duplicates) = duplicates {
            let [train, val, test] = duplicates.within;
            if train + val + test > 0 {
                text += &format!("copies of an image within train: {train}, val: {val}, test: {test}\n");
            }
            if duplicates.across.is_empty() {
                text += "no image is in more than one split\n";
            }
        }
        text += &self.leaks();
        for why in self.unreadable.iter().flatten() {
            text += &format!("unreadable: {why}\n");
        }
        text
    }
}

/// Counts, for each class or task of a split, the negative, positive and unknown samples.
fn count(dataset: &dyn Dataset, splits: &Splits, split: Split) -> Vec<[usize; 3]> {
    let mut counts = vec![[0; 3]; dataset.task().outputs()];
    for &index in splits.get(split).iter() {
        match &dataset.samples()[index].target {
            Target::Class(class) => counts[*class][1] += 1,
            Target::Labels(labels) => {
                for (counts, label) in counts.iter_mut().zip(labels) {
                    counts[label.map_or(2, usize::from)] += 1;
                }
            }
        }
    }
    counts
}

fn part(dataset: &dyn Dataset, names: &[String], counts: &[[usize; 3]], images: usize) -> Value {
    let of = |slot: usize| -> serde_json::Map<String, Value> {
        names.iter().cloned().zip(counts.iter().map(|counts| json!(counts[slot]))).collect()
    };
    match dataset.task() {
        ff_data::Task::Multiclass { .. } => json!({"images": images, "per_class": of(1)}),
        ff_data::Task::Multilabel { .. } => {
            json!({"images": images, "per_class": of(1), "negative": of(0), "unknown": of(2)})
        }
    }
}

fn unreadable(dataset: &dyn Dataset) -> Vec<String> {
    let check = |index| dataset.image(index).err().map(|error| error.to_string());
    (0..dataset.samples().len()).filter_map(check).collect()
}
