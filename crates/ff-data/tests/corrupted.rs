//! Opens corrupted copies of a dataset, and checks what they share with their originals.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ff_data::{Dataset, DatasetConfig, Error, FileHashes, Split, Splits, Target, augment};

/// Opens a dataset that a configuration describes.
fn open(root: &Path, text: &str) -> Result<Arc<dyn Dataset>, Error> {
    let config: DatasetConfig = toml::from_str(text).unwrap();
    let again: DatasetConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
    config.open(root, &FileHashes::none())
}

/// Opens corrupted phantoms.
fn corrupted(options: &str) -> Result<Arc<dyn Dataset>, Error> {
    let of = "{ kind = 'phantom', image_size = 64, train = 10, val = 0, test = 20 }";
    open(Path::new(""), &format!("kind = 'corrupted'\nof = {of}\nimage_size = 64\n{options}"))
}

#[track_caller]
fn refused(options: &str, text: &str) {
    let error = corrupted(options).err().expect("refused").to_string();
    assert!(error.contains(text), "{error}");
}

/// Counts the samples of a split whose id has this end.
fn count(dataset: &dyn Dataset, split: Split, end: &str) -> usize {
    dataset.samples().iter().filter(|sample| sample.split == Some(split) && sample.id.ends_with(end)).count()
}

#[test]
fn each_corruption_has_each_severity_equally_often() {
    let dataset = corrupted("").unwrap();
    assert_eq!(dataset.samples().len(), 4 * 30);
    for corruption in ["gaussian-noise", "defocus-blur", "contrast", "jpeg"] {
        for severity in 1..=5 {
            let end = format!("#{corruption}-{severity}");
            assert_eq!(count(&*dataset, Split::Train, &end), 2);
            assert_eq!(count(&*dataset, Split::Test, &end), 4);
        }
    }
}

#[test]
fn a_copy_shares_target_split_group_and_attributes_with_its_original() {
    let root = tempfile::tempdir().unwrap();
    let table = "path,age,cough,group,split,sex\na.png,1,,p,test,f\nb.png,0,1,p,train,m\nc.png,1,1,,test,\n";
    fs::write(root.path().join("labels.csv"), table).unwrap();
    for name in ["a", "b", "c"] {
        image::RgbImage::new(8, 8).save(root.path().join(format!("{name}.png"))).unwrap();
    }
    let of = "of = { kind = 'manifest', attributes = ['sex'] }\nimage_size = 8";
    let text = format!("kind = 'corrupted'\n{of}\ncorruptions = ['contrast', 'jpeg']\nseverities = [2, 5]");
    let dataset = open(root.path(), &text).unwrap();
    let ids: Vec<&str> = dataset.samples().iter().map(|sample| &*sample.id).collect();
    assert_eq!(
        ids,
        [
            "a.png#contrast-2",
            "a.png#jpeg-5",
            "b.png#contrast-2",
            "b.png#jpeg-5",
            "c.png#contrast-5",
            "c.png#jpeg-2"
        ]
    );
    let groups: Vec<_> = dataset.samples().iter().map(|sample| sample.group.as_deref().unwrap()).collect();
    assert_eq!(groups, ["p", "p", "p", "p", "c.png", "c.png"]);
    assert_eq!(dataset.samples()[1].target, Target::Labels(vec![Some(true), None]));
    assert_eq!(*Splits::evaluation_only(&*dataset).unwrap(), [0, 1, 4, 5]);
    let sex = &dataset.inventory().attributes[0].values;
    assert_eq!(
        *sex,
        ["f", "f", "m", "m"].map(|sex| Some(sex.into())).into_iter().chain([None, None]).collect::<Vec<_>>()
    );
    // Only the original of a copy that is read is decoded.
    fs::write(root.path().join("b.png"), "broken").unwrap();
    assert!(dataset.image(0).is_ok() && dataset.image(2).is_err());
}

#[test]
fn a_rule_splits_the_originals() {
    let dataset = corrupted("split = { kind = 'ratio', train = 0.5, val = 0.5, test = 0 }").unwrap();
    let originals = open(Path::new(""), "kind = 'phantom'\ntrain = 10\nval = 0\ntest = 20").unwrap();
    let rule = ff_data::SplitRule::Ratio { train: 0.5, val: 0.5, test: 0.0, seed: 0, grouped: false };
    let splits = rule.split(&*originals, Path::new("")).unwrap();
    for split in Split::ALL {
        let copies: Vec<&str> = (dataset.samples().iter())
            .filter(|sample| sample.split == Some(split))
            .map(|sample| sample.group.as_deref().unwrap())
            .collect();
        let expected: Vec<&str> =
            splits.get(split).iter().flat_map(|&index| [&*originals.samples()[index].id; 4]).collect();
        assert_eq!(copies, expected);
    }
}

#[test]
fn only_seed_and_original_decide_on_pixels() {
    let (dataset, again) = (corrupted("").unwrap(), corrupted("").unwrap());
    let (other_seed, noise) =
        (corrupted("seed = 1").unwrap(), corrupted("corruptions = ['gaussian-noise']").unwrap());
    let clean =
        open(Path::new(""), "kind = 'phantom'\nimage_size = 64\ntrain = 10\nval = 0\ntest = 20").unwrap();
    for index in 0..120 {
        let image = dataset.image(index).unwrap();
        assert_eq!((image.width, image.height), (64, 64));
        let original = augment::resize(&clean.image(index / 4).unwrap(), 64, 64);
        assert!(image != original, "{index}");
        assert_eq!(image, again.image(index).unwrap());
        let is_noise = index % 4 == 0;
        assert_eq!(image != other_seed.image(index).unwrap(), is_noise);
        if is_noise {
            assert_eq!(image, noise.image(index / 4).unwrap());
        }
    }
    assert_ne!(dataset.image(0).unwrap(), dataset.image(20).unwrap());
}

#[test]
fn the_digest_depends_on_every_option() {
    let options = [
        "",
        "seed = 1",
        "severities = [1, 2, 3, 4]",
        "severities = [5, 4, 3, 2, 1]",
        "corruptions = ['jpeg']",
        "split = { kind = 'ratio', train = 0.5, val = 0.5, test = 0 }",
    ];
    let mut digests: Vec<String> =
        options.iter().map(|options| corrupted(options).unwrap().digest().to_owned()).collect();
    assert_eq!(corrupted("").unwrap().digest(), digests[0]);
    for text in [
        "of = { kind = 'phantom' }",
        "of = { kind = 'phantom', seed = 1 }",
        "image_size = 32\nof = { kind = 'phantom' }",
    ] {
        digests
            .push(open(Path::new(""), &format!("kind = 'corrupted'\n{text}")).unwrap().digest().to_owned());
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn copies_can_be_corrupted_again() {
    let of =
        "{ kind = 'corrupted', of = { kind = 'phantom' }, corruptions = ['contrast'], severities = [1] }";
    let dataset = open(Path::new(""), &format!("kind = 'corrupted'\nof = {of}\nseverities = [3]")).unwrap();
    let sample = &dataset.samples()[3];
    assert_eq!(sample.id, "train/00000#contrast-1#jpeg-3");
    assert_eq!(sample.group.as_deref(), Some("train/00000"));
}

#[test]
fn wrong_options_are_refused() {
    refused("severities = [1, 6]", "corrupted: expected severities of 1 to 5, found 6");
    refused("severities = [0]", "severities of 1 to 5, found 0");
    refused("severities = []", "at least one corruption and one severity, found none");
    refused("corruptions = []", "at least one corruption and one severity, found none");
    refused("severities = [2, 3, 2]", "each severity once, found 2 twice");
    refused("corruptions = ['jpeg', 'jpeg']", "each corruption once, found `jpeg` twice");
    let sized = |size: u32| {
        let text = format!("kind = 'corrupted'\nof = {{ kind = 'phantom' }}\nimage_size = {size}");
        open(Path::new(""), &text).err().unwrap().to_string()
    };
    assert_eq!(sized(0), "corrupted: expected an image_size of 1 to 4096, found 0");
    assert_eq!(sized(4097), "corrupted: expected an image_size of 1 to 4096, found 4097");
}

#[test]
fn any_size_can_be_corrupted() {
    for size in [1, 2, 3, 8, 300] {
        let of = "{ kind = 'phantom', image_size = 8, train = 0, val = 0, test = 5 }";
        let text = format!("kind = 'corrupted'\nof = {of}\nimage_size = {size}");
        let dataset = open(Path::new(""), &text).unwrap();
        for index in 0..20 {
            assert_eq!(dataset.image(index).unwrap().data.len(), (size * size * 3) as usize);
        }
    }
}
