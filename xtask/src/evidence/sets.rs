//! The image sets: from folders of images to CSV files with a fixed test split.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::files;

/// The most images of a set to train and validate on, and to test on, in whole groups.
const MOST: usize = 600;

/// The images of CIFAR-10's training split, by class, that networks are pretrained on. The rest is
/// what the set `cifar10` takes its training and validation images from.
const PRETRAIN: usize = 4000;

/// What the names of sets end in that keep equal images, and are no part of the figures over sets.
pub const AS_RELEASED: &str = "-as-released";

/// An image with what a CSV file says of it.
#[derive(Clone)]
struct Row {
    path: String,
    label: String,
    group: String,
    /// Whether it is of the set's own test split; `None` if the set has no splits.
    test: Option<bool>,
}

/// Writes `DIR/NAME.csv` for every set whose folder is in `DIR`, after unpacking `NAME.tar.gz`
/// there. Returns the names of the sets that are there.
pub fn prepare(data: &Path) -> Result<Vec<&'static str>> {
    let mut found = Vec::new();
    for (name, folder, archive) in SETS {
        if !unpack(data, folder, archive)? {
            continue;
        }
        let rows = read(data, name, folder).with_context(|| format!("image set {name}"))?;
        ensure!(!rows.is_empty(), "no images in {}", data.join(folder).display());
        let mut rows = if name == "cifar10" { without_pretraining(data, rows)? } else { rows };
        if !name.ends_with(AS_RELEASED) {
            drop_equal(data, &mut rows)?;
        }
        // Both forms of a set draw in the same order.
        let draw = name.trim_end_matches(AS_RELEASED);
        write(&data.join(format!("{name}.csv")), &sampled(draw, rows))?;
        found.push(name);
    }
    if found.is_empty() {
        bail!("no image set in {}; docs/measurements/protocol.md lists the folders", data.display());
    }
    Ok(found)
}

/// Each set with its folder, and the archive that may be there instead.
const SETS: [(&str, &str, &str); 7] = [
    ("busi", "busi", "busi.tar.gz"),
    ("nih", "nih1000", "nih1000.tar.gz"),
    ("pneumonia", "pneumonia", "pneumonia.tar.gz"),
    ("brain-mri", "brain_mri", "brain_mri.tar.gz"),
    ("brain-mri-as-released", "brain_mri", "brain_mri.tar.gz"),
    ("blood-cells", "bloodcells", "bloodcells.tar.gz"),
    ("cifar10", "cifar10", "cifar10_jpeg.tar.gz"),
];

/// Unpacks an archive if its folder is missing. Returns whether the folder is there.
///
/// The folder is complete when it appears, for it is the sign to a later or another process that
/// there is nothing to unpack.
fn unpack(data: &Path, folder: &str, archive: &str) -> Result<bool> {
    let (to, archive) = (data.join(folder), data.join(archive));
    if to.is_dir() || !archive.is_file() {
        return Ok(to.is_dir());
    }
    let partial = tempfile::Builder::new().prefix(".unpack-").tempdir_in(data);
    let partial = partial.with_context(|| data.display().to_string())?;
    // CIFAR-10's archive has its splits at the top.
    let top = if folder == "cifar10" { partial.path().join(folder) } else { partial.path().to_owned() };
    fs::create_dir_all(&top)?;
    let status = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&top).status();
    ensure!(status.context("tar could not be started")?.success(), "cannot unpack {}", archive.display());
    let renamed = fs::rename(partial.path().join(folder), &to);
    // Another process may have been first.
    if !to.is_dir() {
        renamed.with_context(|| format!("{}: its folder {folder}", archive.display()))?;
    }
    Ok(true)
}

/// Reads the images of a set: its own CSV file, or class folders in at most one folder a split.
fn read(data: &Path, name: &str, folder: &str) -> Result<Vec<Row>> {
    if name == "nih" {
        return manifest(data, folder);
    }
    let mut rows = Vec::new();
    for outer in files::folders(&data.join(folder))? {
        let splits = ["train", "val", "test"].contains(&&*outer);
        let classes =
            if splits { files::folders(&data.join(folder).join(&outer))? } else { vec![outer.clone()] };
        for label in classes {
            let inside =
                if splits { format!("{folder}/{outer}/{label}") } else { format!("{folder}/{label}") };
            for file in files::files(&data.join(&inside))? {
                let group = group(name, &file).unwrap_or_else(|| format!("{inside}/{file}"));
                // The X-ray sets share their classes, so that each is the other's shifted twin.
                let label = if label == "pneumonia" { "abnormal".to_owned() } else { label.clone() };
                let test = splits.then(|| outer == "test");
                rows.push(Row { path: format!("{inside}/{file}"), label, group, test });
            }
        }
    }
    Ok(rows)
}

/// The person or slide that an image is of, from its name.
fn group(set: &str, file: &str) -> Option<String> {
    let stem = file.split('.').next()?;
    match set {
        "blood-cells" => stem.rsplit_once('_').map(|(slide, _)| slide.to_owned()),
        "pneumonia" if stem.starts_with("person") => stem.split('_').next().map(str::to_owned),
        "pneumonia" => {
            // IM-0115-0001, NORMAL2-IM-0381-0001
            let (_, number) = stem.split_once("IM-")?;
            Some(format!(
                "{}IM-{}",
                if stem.starts_with('N') { "NORMAL2-" } else { "" },
                number.split('-').next()?
            ))
        }
        _ => None,
    }
}

/// Reads `manifest.csv` with the columns path, label and group.
fn manifest(data: &Path, folder: &str) -> Result<Vec<Row>> {
    let path = data.join(folder).join("manifest.csv");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let row = |line: &str| {
        let mut cells = line.split(',').map(str::to_owned);
        let (path, label, group) = (cells.next()?, cells.next()?, cells.next()?);
        Some(Row { path: format!("{folder}/{path}"), label, group, test: None })
    };
    let lines = text.lines().skip(1).enumerate();
    lines
        .map(|(at, line)| row(line).with_context(|| format!("{}, line {}", path.display(), at + 2)))
        .collect()
}

/// Writes `cifar10-pretrain.csv`, the images to pretrain on, and returns the others.
fn without_pretraining(data: &Path, rows: Vec<Row>) -> Result<Vec<Row>> {
    let mut of_class: HashMap<String, usize> = HashMap::new();
    let (pretrain, rest): (Vec<Row>, Vec<Row>) = shuffled("pretrain", rows).into_iter().partition(|row| {
        let count = of_class.entry(row.label.clone()).or_default();
        let taken = row.test == Some(false) && *count < PRETRAIN;
        *count += usize::from(taken);
        taken
    });
    let mut held: HashMap<String, usize> = HashMap::new();
    let mut lines = String::from("path,label,split\n");
    for row in &pretrain {
        let count = held.entry(row.label.clone()).or_default();
        // The last tenth of each class says how good the pretrained network is.
        let split = if *count < PRETRAIN * 9 / 10 { "train" } else { "val" };
        *count += 1;
        lines += &format!("{},{},{split}\n", row.path, row.label);
    }
    let path = data.join("cifar10-pretrain.csv");
    files::write(&path, &lines)?;
    Ok(rest)
}

/// Leaves out images that are equal to another one to the byte: of a training and a test image the
/// test image, else the later one.
fn drop_equal(data: &Path, rows: &mut Vec<Row>) -> Result<()> {
    rows.sort_by_key(|row| row.test);
    let mut seen = HashSet::new();
    let mut fresh = Vec::new();
    for row in rows.iter() {
        let path = data.join(&row.path);
        fresh.push(seen.insert(fs::read(&path).with_context(|| path.display().to_string())?));
    }
    let mut fresh = fresh.into_iter();
    rows.retain(|_| fresh.next() == Some(true));
    Ok(())
}

/// Draws the images of a set, in whole groups: at most [`MOST`] to test on, a quarter of the images
/// where the set has no test split, and at most [`MOST`] others.
fn sampled(set: &str, rows: Vec<Row>) -> Vec<Row> {
    let quarter = rows.len() / 4;
    let mut of_group: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in shuffled(set, rows) {
        let key = format!("{}{}", if row.test == Some(true) { "test " } else { "" }, row.group);
        of_group.entry(key).or_default().push(row);
    }
    let mut groups: Vec<_> = of_group.into_iter().collect();
    groups.sort_by_key(|(name, _)| order(set, name));
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (_, rows) in groups {
        let (into, is_test, most) = match rows[0].test {
            Some(true) => (&mut test, true, MOST),
            None if test.len() + rows.len() <= quarter.min(MOST) => (&mut test, true, MOST),
            _ => (&mut train, false, MOST),
        };
        if into.len() + rows.len() <= most {
            into.extend(rows.into_iter().map(|row| Row { test: Some(is_test), ..row }));
        }
    }
    train.extend(test);
    train.sort_by(|one, other| one.path.cmp(&other.path));
    train
}

/// Orders rows by a hash of set and path: a random order that is the same everywhere.
fn shuffled(set: &str, mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| order(set, &row.path));
    rows
}

fn order(set: &str, name: &str) -> [u8; 32] {
    blake3::hash(format!("{set} {name}").as_bytes()).into()
}

fn write(path: &Path, rows: &[Row]) -> Result<()> {
    let mut text = String::from("path,label,group,split\n");
    for Row { path, label, group, test } in rows {
        // Without a split the configuration draws train and val of each seed.
        text += &format!("{path},{label},{group},{}\n", if *test == Some(true) { "test" } else { "train" });
    }
    files::write(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes files whose content is their name, unless it is given.
    fn place(files: &[(String, Option<&str>)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content.unwrap_or(name)).unwrap();
        }
        place
    }

    /// The paths of a written set in each split.
    fn written(data: &Path, set: &str) -> [Vec<String>; 2] {
        let text = fs::read_to_string(data.join(format!("{set}.csv"))).unwrap();
        ["train", "test"].map(|split| {
            let lines = text.lines().filter(|line| line.ends_with(&format!(",{split}")));
            lines.map(|line| line.split(',').next().unwrap().to_owned()).collect()
        })
    }

    #[test]
    fn a_quarter_is_tested_in_whole_groups() {
        // Ten persons with four images each.
        let images = (0..40).map(|i| (format!("pneumonia/pneumonia/person{}_virus_{i}.jpeg", i / 4), None));
        let place = place(&images.collect::<Vec<_>>());
        assert_eq!(prepare(place.path()).unwrap(), ["pneumonia"]);
        let [train, test] = written(place.path(), "pneumonia");
        assert_eq!((train.len(), test.len()), (32, 8));
        let person = |path: &String| path.split('_').next().unwrap().to_owned();
        let trained: HashSet<String> = train.iter().map(person).collect();
        assert!(test.iter().map(person).all(|person| !trained.contains(&person)), "{test:?}");
        let text = fs::read_to_string(place.path().join("pneumonia.csv")).unwrap();
        assert!(text.contains(",abnormal,person3,"), "{text}");
        // The same again.
        prepare(place.path()).unwrap();
        assert_eq!(written(place.path(), "pneumonia"), [train, test]);
    }

    #[test]
    fn equal_images_are_kept_once_and_in_training() {
        let equal = |split: &str| (format!("brain_mri/{split}/glioma/{split}.jpg"), Some("equal"));
        let other = |split: &str| (format!("brain_mri/{split}/glioma/other.jpg"), None);
        let place = place(&[equal("train"), equal("test"), other("train"), other("test")]);
        assert_eq!(prepare(place.path()).unwrap(), ["brain-mri", "brain-mri-as-released"]);
        let counts = |set| written(place.path(), set).map(|paths| paths.len());
        assert_eq!((counts("brain-mri"), counts("brain-mri-as-released")), ([2, 1], [2, 2]));
    }

    #[test]
    fn images_to_pretrain_on_are_no_other_sets() {
        let images = ["train", "test"].map(|split| (format!("cifar10/{split}/cat/0.png"), None));
        let place = place(&images);
        assert_eq!(prepare(place.path()).unwrap(), ["cifar10"]);
        let text = fs::read_to_string(place.path().join("cifar10-pretrain.csv")).unwrap();
        assert_eq!(text, "path,label,split\ncifar10/train/cat/0.png,cat,train\n");
        assert_eq!(written(place.path(), "cifar10"), [vec![], vec!["cifar10/test/cat/0.png".to_owned()]]);
    }

    #[test]
    fn persons_and_slides_are_in_the_names() {
        for (set, file, expected) in [
            ("pneumonia", "person7_bacteria_24.jpeg", Some("person7")),
            ("pneumonia", "IM-0115-0001.jpeg", Some("IM-0115")),
            ("pneumonia", "NORMAL2-IM-0381-0001.jpeg", Some("NORMAL2-IM-0381")),
            ("blood-cells", "BloodImage_00003_07.jpg", Some("BloodImage_00003")),
            ("busi", "benign (1).png", None),
        ] {
            assert_eq!(group(set, file).as_deref(), expected, "{file}");
        }
    }

    #[test]
    fn archives_are_unpacked_whole_by_processes_at_once() {
        let images = (0..300).map(|i| (format!("cifar10/test/cat/{i}.png"), None));
        let place = place(&images.collect::<Vec<_>>());
        let [folder, archive] = ["cifar10", "cifar10_jpeg.tar.gz"].map(|name| place.path().join(name));
        let tar =
            |arguments: &[&Path]| assert!(Command::new("tar").args(arguments).status().unwrap().success());
        tar(&["-czf".as_ref(), &archive, "-C".as_ref(), &folder, "test".as_ref()]);
        fs::remove_dir_all(&folder).unwrap();
        // What an interrupted process leaves.
        fs::create_dir(place.path().join(".unpack-old")).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    assert_eq!(prepare(place.path()).unwrap(), ["cifar10"]);
                    assert_eq!(written(place.path(), "cifar10")[1].len(), 300);
                });
            }
        });
    }

    #[test]
    fn a_folder_without_sets_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let error = prepare(place.path()).unwrap_err().to_string();
        assert!(error.starts_with("no image set in ") && error.ends_with("lists the folders"), "{error}");
    }
}
