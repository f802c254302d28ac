use proptest::prelude::*;

use super::*;
use crate::dataset::{Inventory, Sample, Target, Task};
use crate::image::Image;

struct Plain(Inventory);

impl Dataset for Plain {
    fn inventory(&self) -> &Inventory {
        &self.0
    }
    fn image(&self, _: usize) -> Result<Image, Error> {
        Ok(Image::filled(1, 1, [0; 3]))
    }
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}

/// Samples of the classes, with splits and groups where given.
fn plain(
    classes: &[usize],
    split: impl Fn(usize) -> Option<Split>,
    group: impl Fn(usize) -> Option<String>,
) -> Plain {
    let sample = |(i, &class): (usize, &usize)| Sample {
        id: format!("s{i}"),
        target: Target::Class(class),
        group: group(i),
        split: split(i),
    };
    let count = classes.iter().max().unwrap() + 1;
    let samples = classes.iter().enumerate().map(sample).collect();
    Plain(Inventory::new(Task::Multiclass { classes: names("c", count) }, samples, "plain"))
}

fn unsplit(classes: &[usize]) -> Plain {
    plain(classes, |_| None, |_| None)
}

fn ratio(train: f64, val: f64, test: f64, seed: u64) -> SplitRule {
    SplitRule::Ratio { train, val, test, seed, grouped: false }
}

fn apply(rule: &SplitRule, dataset: &Plain) -> Result<Splits, Error> {
    rule.split(dataset, Path::new(""))
}

fn count(dataset: &Plain, indices: &[usize], class: usize) -> usize {
    indices.iter().filter(|&&index| dataset.samples()[index].target == Target::Class(class)).count()
}

proptest! {
    #[test]
    fn a_ratio_is_a_stratified_partition(
        sizes in prop::collection::vec(1usize..80, 2..6), train in 0.3f64..0.8, part in 0.0f64..1.0, seed: u64,
    ) {
        let classes: Vec<usize> = sizes.iter().enumerate().flat_map(|(c, &n)| vec![c; n]).collect();
        let dataset = unsplit(&classes);
        let val = (1.0 - train) * part;
        let shares = [train, val, 1.0 - train - val];
        let assigned = ratio::assign(&dataset, shares, seed, false).unwrap();
        prop_assert_eq!(&assigned, &ratio::assign(&dataset, shares, seed, false).unwrap());
        let splits = Splits::from_assignment(&assigned);
        let mut all = [&splits.train[..], &splits.val, &splits.test].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..classes.len()).collect::<Vec<_>>());
        for (class, &size) in sizes.iter().enumerate() {
            prop_assert!(count(&dataset, &splits.train, class) > 0);
            for (split, share) in Split::ALL.into_iter().zip(shares) {
                let off = count(&dataset, splits.get(split), class) as f64 - share * size as f64;
                prop_assert!(off.abs() <= 1.0 + 1e-9, "{class} {split:?} {off}");
            }
        }
    }

    #[test]
    fn groups_stay_in_one_split(groups in prop::collection::vec((0usize..20, 0usize..3), 30..120), seed: u64) {
        let classes: Vec<usize> = groups.iter().map(|(_, class)| *class).chain([0, 1, 2]).collect();
        let group = |i: usize| groups.get(i).map(|(group, _)| format!("p{group}"));
        let dataset = plain(&classes, |_| None, group);
        let assigned = ratio::assign(&dataset, [0.7, 0.2, 0.1], seed, true).unwrap();
        prop_assert_eq!(&assigned, &ratio::assign(&dataset, [0.7, 0.2, 0.1], seed, true).unwrap());
        let leakage = Splits::from_assignment(&assigned).leakage(&dataset);
        prop_assert_eq!(leakage.shared, vec![]);
    }
}

#[test]
fn small_strata_keep_the_overall_shares() {
    // 60 classes of 5: each alone would round 0.5 the same way.
    let classes: Vec<usize> = (0..300).map(|i| i / 5).collect();
    let splits = apply(&ratio(0.8, 0.1, 0.1, 0), &unsplit(&classes)).unwrap();
    assert_eq!((splits.train.len(), splits.val.len(), splits.test.len()), (240, 30, 30));
}

#[test]
fn groups_are_split_near_the_shares() {
    let classes: Vec<usize> = (0..600).map(|i| i / 2 % 3).collect();
    let dataset = plain(&classes, |_| None, |i| Some(format!("p{}", i / 2)));
    let rule = SplitRule::Ratio { train: 0.8, val: 0.1, test: 0.1, seed: 3, grouped: true };
    let splits = apply(&rule, &dataset).unwrap();
    for class in 0..3 {
        assert!(count(&dataset, &splits.train, class).abs_diff(160) <= 2);
        assert!(count(&dataset, &splits.val, class).abs_diff(20) <= 2);
    }
    assert_eq!(splits.leakage(&dataset), Leakage { groups: 300, shared: vec![], duplicates: None });
}

#[test]
fn leakage_names_the_shared_groups() {
    let dataset = plain(&[0, 0, 1, 1], |_| None, |i| (i < 3).then(|| format!("p{}", i / 2)));
    let splits = Splits { train: [0, 2].into(), val: [1].into(), test: [3].into() };
    let shared = vec![SharedGroup { group: "p0".into(), train: 1, val: 1, test: 0 }];
    assert_eq!(splits.leakage(&dataset), Leakage { groups: 2, shared, duplicates: None });
}

#[test]
fn an_official_test_split_is_kept() {
    let classes: Vec<usize> = (0..120).map(|i| i % 2).collect();
    let dataset = plain(&classes, |i| Some(if i < 100 { Split::Train } else { Split::Test }), |_| None);
    let splits = apply(&ratio(0.9, 0.1, 0.0, 1), &dataset).unwrap();
    assert_eq!(splits.test[..], (100..120).collect::<Vec<_>>());
    assert_eq!((splits.train.len(), splits.val.len()), (90, 10));
    assert_ne!(splits, apply(&ratio(0.9, 0.1, 0.0, 2), &dataset).unwrap());
    let text = apply(&ratio(0.8, 0.1, 0.1, 1), &dataset).unwrap_err().to_string();
    assert!(text.contains("hint: set `test = 0.0`"), "{text}");
    let text = apply(&SplitRule::Official {}, &dataset).unwrap_err().to_string();
    assert!(
        text.contains("expected samples in val, found none\nhint: split train with `kind = \"ratio\"`"),
        "{text}"
    );
    assert_eq!(Splits::evaluation_only(&dataset).unwrap().len(), 20);
}

#[test]
fn official_splits_are_used_or_missing() {
    let split = |i| Some(Split::ALL[i % 3]);
    let splits = apply(&SplitRule::Official {}, &plain(&[0, 0, 0, 1, 1, 1], split, |_| None)).unwrap();
    assert_eq!(
        (&splits.train[..], &splits.val[..], &splits.test[..]),
        (&[0, 3][..], &[1, 4][..], &[2, 5][..])
    );
    let text = apply(&SplitRule::Official {}, &unsplit(&[0, 1])).unwrap_err().to_string();
    assert!(text.contains("found none for `s0`"), "{text}");
    assert_eq!(Splits::evaluation_only(&unsplit(&[0, 1])).unwrap()[..], [0, 1]);
    assert!(Splits::evaluation_only(&plain(&[0, 1], |_| Some(Split::Train), |_| None)).is_err());
}

#[test]
fn impossible_splits_are_refused() {
    let text = |rule: SplitRule, dataset: &Plain| apply(&rule, dataset).unwrap_err().to_string();
    let ten = unsplit(&[0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    assert!(text(ratio(0.8, 0.1, 0.2, 0), &ten).contains("sum to 1"));
    assert!(text(ratio(1.1, -0.1, 0.0, 0), &ten).contains("sum to 1"));
    assert!(text(ratio(f64::NAN, 0.5, 0.5, 0), &ten).contains("sum to 1"));
    assert!(text(ratio(1.0, 0.0, 0.0, 0), &ten).contains("samples in val, found none"));
    assert!(text(ratio(0.5, 0.49, 0.01, 0), &unsplit(&[0, 1])).contains("found none"));
    let grouped = SplitRule::Ratio { train: 0.8, val: 0.2, test: 0.0, seed: 0, grouped: true };
    assert!(text(grouped.clone(), &ten).contains("samples with groups"));
    let shared =
        plain(&[0, 1, 0, 1], |i| Some(if i < 2 { Split::Train } else { Split::Test }), |_| Some("p".into()));
    assert!(text(grouped, &shared).contains("group `p` both in"));
    let unseen = plain(&[0, 0, 1], |i| Some(Split::ALL[i]), |_| None);
    assert!(text(SplitRule::Official {}, &unseen).contains("class `c1` in test but not in train"));
}

#[test]
fn multilabel_is_stratified_by_number_of_positives() {
    let sample = |i: usize| Sample {
        id: format!("s{i}"),
        target: Target::Labels((0..3).map(|task| Some(task < i % 4)).collect()),
        group: None,
        split: None,
    };
    let task = Task::Multilabel { tasks: names("t", 3) };
    let mut dataset = Plain(Inventory::new(task, (0..80).map(sample).collect(), "plain"));
    let splits = apply(&ratio(0.8, 0.1, 0.1, 5), &dataset).unwrap();
    for positives in 0..4 {
        assert_eq!(splits.train.iter().filter(|&&index| index % 4 == positives).count(), 16);
    }
    for sample in &mut dataset.0.samples {
        let Target::Labels(labels) = &mut sample.target else { unreachable!() };
        labels[1] = None;
    }
    let text = apply(&ratio(0.8, 0.1, 0.1, 5), &dataset).unwrap_err().to_string();
    assert!(text.contains("found only unknown ones for `t1`"), "{text}");
}

#[test]
fn a_csv_names_every_sample_once() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = unsplit(&[0, 0, 0]);
    let split = |text: &str| {
        std::fs::write(folder.path().join("split.csv"), text).unwrap();
        SplitRule::Csv { path: "split.csv".into() }.split(&dataset, folder.path())
    };
    let splits = split("Split, ID\nval,s0\ntrain,s2\nvalid,s1\n").unwrap();
    assert_eq!((&splits.train[..], &splits.val[..], splits.test.len()), (&[2][..], &[0, 1][..], 0));
    let refused = |text: &str| split(text).unwrap_err().to_string();
    assert!(
        refused("id,split\ns9,train\n")
            .contains("row 2: expected the id of a sample, found `s9`\nhint: ids look like `s0`")
    );
    assert!(refused("id,split\ns0,train\ns0,val\n").contains("row 3: expected each id once"));
    assert!(refused("id,split\ns0,1\n").contains("row 2: expected train, val or test, found `1`"));
    assert!(refused("id,split\ns0,train\n").contains("none for 2 samples, the first of them `s1`"));
    assert!(refused("id,fold\ns0,1\n").contains("expected a column `split`"));
}

#[test]
fn ids_of_a_csv_may_differ_in_slashes_and_extension() {
    let folder = tempfile::tempdir().unwrap();
    let mut dataset = unsplit(&[0, 0, 0, 0]);
    let mut split = |ids: [&str; 4], text: &str| {
        for (sample, id) in dataset.0.samples.iter_mut().zip(ids) {
            sample.id = id.to_owned();
        }
        std::fs::write(folder.path().join("split.csv"), text).unwrap();
        SplitRule::Csv { path: "split.csv".into() }.split(&dataset, folder.path())
    };
    let ids = ["a/1.png", "a/2", "b/2.png", "b/1.2.840.7"];
    let table = "path,split\na\\1,train\n./a/2.png,val\n.\\b\\2.jpg,train\nb/1.2.840.7.dcm,val\n";
    let splits = split(ids, table).unwrap();
    assert_eq!((&splits.train[..], &splits.val[..]), (&[0, 2][..], &[1, 3][..]));
    let text = split(["a.png", "a.jpg", "b", "c"], "id,split\na,train\n").unwrap_err().to_string();
    assert!(text.contains("row 2: expected the id of a sample, found `a`"), "{text}");
    // An id in full comes before one without its extension.
    let splits = split(["a.png", "a", "b", "c"], "id,split\na.png,train\na,val\nb,val\nc,train\n").unwrap();
    assert_eq!((&splits.train[..], &splits.val[..]), (&[0, 3][..], &[1, 2][..]));
}

#[test]
fn unknown_keys_are_refused() {
    let read = |text: &str| toml::from_str::<SplitRule>(text);
    assert_eq!(read("kind = 'official'").unwrap(), SplitRule::Official {});
    assert!(read("kind = 'official'\nseed = 1").is_err());
    assert!(read("kind = 'ratio'\ntrain = 0.9\nval = 0.1\ntest = 0.0\nseed = 1").is_ok());
    assert!(read("kind = 'ratio'\nvalidation = 0.1").is_err());
    let paper = SplitRule::Ratio { train: 0.8, val: 0.1, test: 0.1, seed: 0, grouped: false };
    assert_eq!(read("kind = 'ratio'").unwrap(), paper);
}
