//! Opens datasets on disk, and checks the errors of invalid ones.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ff_data::datasets::{Cifar10, Cifar100, Folder, Manifest};
use ff_data::{Dataset, DatasetConfig, Error, FileHashes, Split, Target, Task};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/data/");

/// Makes a folder with images at the paths.
fn tree(paths: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (number, path) in paths.iter().enumerate() {
        picture(&root.path().join(path), number as u8);
    }
    root
}

/// Writes a BMP of one grey pixel.
fn picture(path: &Path, level: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut bmp = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0".to_vec();
    bmp.resize(54, 0);
    bmp.extend([level, level, level, 0]);
    fs::write(path, bmp).unwrap();
}

fn folder(root: &Path) -> Result<Arc<dyn Dataset>, Error> {
    DatasetConfig::Folder(Folder { path: "".into() }).open(root, &FileHashes::none())
}

fn cifar10(root: &Path) -> Result<Arc<dyn Dataset>, Error> {
    DatasetConfig::Cifar10(Cifar10 { path: "".into() }).open(root, &FileHashes::none())
}

fn manifest(root: &Path, text: &str) -> Result<Arc<dyn Dataset>, Error> {
    fs::write(root.join("list.csv"), text).unwrap();
    DatasetConfig::Manifest(Manifest { path: "list.csv".into(), attributes: Vec::new() })
        .open(root, &FileHashes::none())
}

/// Checks that the dataset is refused with an error that contains `text`.
#[track_caller]
fn refused(result: Result<Arc<dyn Dataset>, Error>, text: &str) {
    let error = result.err().expect("refused").to_string();
    assert!(error.contains(text), "{error}");
}

fn classes(dataset: &dyn Dataset) -> Vec<&str> {
    assert!(matches!(dataset.task(), Task::Multiclass { .. }));
    dataset.task().names().iter().map(String::as_str).collect()
}

#[test]
fn class_folders() {
    let root =
        tree(&["cat/1.bmp", "ant/b.BMP", "ant/a.bmp", "cat/deep/2.bmp", "ant/.hidden.bmp", ".git/x.bmp"]);
    fs::write(root.path().join("ant/notes.txt"), "no picture").unwrap();
    fs::write(root.path().join("README"), "no picture").unwrap();
    let dataset = folder(root.path()).unwrap();
    assert_eq!(classes(&*dataset), ["ant", "cat"]);
    let ids: Vec<_> = dataset.samples().iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(ids, ["ant/a.bmp", "ant/b.BMP", "cat/1.bmp", "cat/deep/2.bmp"]);
    let targets: Vec<_> = dataset.samples().iter().map(|sample| sample.target.clone()).collect();
    assert_eq!(targets, [0, 0, 1, 1].map(Target::Class));
    assert!(dataset.samples().iter().all(|sample| sample.split.is_none() && sample.group.is_none()));
    assert_eq!(dataset.image(0).unwrap().data, [2; 3]);
}

#[test]
fn split_folders_under_any_name() {
    let root = tree(&["Train/a/1.bmp", "Train/b/2.bmp", "validation/a/3.bmp", "test/b/4.bmp"]);
    let dataset = folder(root.path()).unwrap();
    let splits: Vec<_> =
        dataset.samples().iter().map(|sample| (sample.id.as_str(), sample.split.unwrap())).collect();
    let expected = [
        ("Train/a/1.bmp", Split::Train),
        ("Train/b/2.bmp", Split::Train),
        ("validation/a/3.bmp", Split::Val),
        ("test/b/4.bmp", Split::Test),
    ];
    assert_eq!(splits, expected);
    let root = tree(&["Training/a/1.bmp", "Training/b/2.bmp", "Testing/b/3.bmp"]);
    let dataset = folder(root.path()).unwrap();
    assert_eq!(classes(&*dataset), ["a", "b"]);
    let splits: Vec<_> = dataset.samples().iter().map(|sample| sample.split.unwrap()).collect();
    assert_eq!(splits, [Split::Train, Split::Train, Split::Test]);
    // Without a validation set.
    let root = tree(&["train/a/1.bmp", "train/b/2.bmp", "test/a/1.bmp"]);
    assert_eq!(folder(root.path()).unwrap().samples().len(), 3);
    // Classes that have the names of splits.
    let root = tree(&["test/1.bmp", "other/2.bmp"]);
    assert_eq!(classes(&*folder(root.path()).unwrap()), ["other", "test"]);
}

#[test]
fn every_format_counts_and_what_is_left_out_is_noted() {
    let root = tree(&["a/1.bmp", "b/1.webp", "b/2.GIF", "b/3.ppm", "b/4.pgm", "b/5.pbm", "b/6.pnm"]);
    let dataset = folder(root.path()).unwrap();
    assert_eq!((dataset.samples().len(), dataset.notes().len()), (7, 0));
    for name in ["a/notes.txt", "a/deep/more.TXT", "b/scan.mha", "b/LICENSE", "beside.png", "README.md"] {
        fs::create_dir_all(root.path().join("a/deep")).unwrap();
        fs::write(root.path().join(name), "no picture").unwrap();
    }
    let dataset = folder(root.path()).unwrap();
    assert_eq!(dataset.samples().len(), 7);
    assert_eq!(
        dataset.notes(),
        [
            "files in class folders that are not images by their name are left out: 1 .mha, 2 .txt, \
             1 without an extension",
            "images outside class folders are left out: 1 .png",
        ]
    );
}

#[test]
fn files_without_an_extension_are_told_by_their_content() {
    let dicom = fs::read(Path::new(GOLDEN).join("../dicom/baseline.dcm")).unwrap();
    let root = tree(&["a/1.bmp"]);
    fs::create_dir(root.path().join("b")).unwrap();
    // The numbers that end names of DICOM files are no extensions.
    for name in ["IM0001", "1.2.840.1", "1.2.840.2", "DICOMDIR", "slice.dat"] {
        fs::write(root.path().join("b").join(name), &dicom).unwrap();
    }
    fs::write(root.path().join("b/1.2.840.3"), "no picture").unwrap();
    let dataset = folder(root.path()).unwrap();
    let ids: Vec<_> = dataset.samples().iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(ids, ["a/1.bmp", "b/1.2.840.1", "b/1.2.840.2", "b/IM0001"]);
    assert_eq!(dataset.image(1).unwrap().width, 20);
    assert!(dataset.notes()[0].ends_with("1 .3, 1 .dat, 1 without an extension"), "{:?}", dataset.notes());
}

#[test]
fn invalid_folders_are_refused() {
    let bad = |paths: &[&str], text: &str| refused(folder(tree(paths).path()), text);
    bad(&["train/a/1.bmp", "train/b/1.bmp", "test/c/1.bmp"], "class `c` only in test");
    bad(&["train/a/1.bmp", "train/b/x.txt"], "train/b: expected images of the class, found only 1 .txt");
    bad(&["a/1.txt", "b/1.bmp"], "a: expected images");
    bad(&["test/a/1.bmp", "test/b/1.bmp"], "expected a `train` folder");
    bad(&["test/a/1.bmp", "val/a/1.bmp"], "found only val, test\nhint: to use images of one split");
    bad(&["test/a/1.bmp", "val/a/1.bmp"], "/val");
    bad(&["train/a/1.bmp", "train/b/1.bmp", "val/x.bmp"], "val: expected at least one image, found none");
    bad(&["val/a/1.bmp", "valid/a/1.bmp", "train/a/1.bmp"], "one val folder");
    bad(&["train/a/1.bmp", "Training/b/1.bmp"], "one train folder");
    bad(&["a/1.bmp", "a/1.png", "b/1.bmp"], "one file for each id");
    bad(&["a/1.bmp"], "expected two classes or more");
    bad(&["1.bmp"], "found no image");
    let absent = DatasetConfig::Folder(Folder { path: "absent".into() });
    refused(absent.open(Path::new("nowhere"), &FileHashes::none()), "absent: cannot be read");
    let absent: DatasetConfig = toml::from_str("kind = 'messidor'").unwrap();
    refused(absent.open(Path::new("nowhere"), &FileHashes::none()), "messidor: cannot be read: No such file");
}

#[test]
fn the_digest_follows_the_content() {
    let root = tree(&["a/1.bmp", "b/2.bmp"]);
    let before = folder(root.path()).unwrap().digest().to_owned();
    assert_eq!(before.len(), 64);
    assert_eq!(folder(root.path()).unwrap().digest(), before);
    let dataset = folder(root.path()).unwrap();
    let hash = |path: &str| *blake3::hash(&fs::read(root.path().join(path)).unwrap()).as_bytes();
    assert_eq!(dataset.contents(), Some([hash("a/1.bmp"), hash("b/2.bmp")].as_slice()));
    picture(&root.path().join("b/2.bmp"), 99);
    assert_ne!(folder(root.path()).unwrap().digest(), before);
}

#[test]
fn a_corrupt_image_is_named_when_it_is_read() {
    let root = tree(&["a/1.bmp", "b/2.bmp"]);
    fs::write(root.path().join("b/2.bmp"), "BM nothing").unwrap();
    let text = folder(root.path()).unwrap().image(1).unwrap_err().to_string();
    assert!(text.contains("b/2.bmp: expected a valid Bmp image, found a corrupt one"), "{text}");
}

#[test]
fn a_manifest_of_classes() {
    let root = tree(&["x/1.bmp", "x/2.bmp", "3.bmp"]);
    let text = "\u{feff} Label , PATH,Split, group,age\n10,x/1.bmp,train,p1,40\n 9 ,x/2.bmp , val,,\n10,./3.bmp,Test,p2,7\n";
    let dataset = manifest(root.path(), text).unwrap();
    assert_eq!(classes(&*dataset), ["9", "10"]);
    let [first, second, third] = dataset.samples() else { panic!() };
    assert_eq!(
        (first.id.as_str(), &first.target, first.split),
        ("x/1.bmp", &Target::Class(1), Some(Split::Train))
    );
    assert_eq!(
        (second.id.as_str(), second.group.as_deref(), second.split),
        ("x/2.bmp", None, Some(Split::Val))
    );
    assert_eq!((third.group.as_deref(), third.split), (Some("p2"), Some(Split::Test)));
    assert_eq!(dataset.image(2).unwrap().data, [2; 3]);
}

#[test]
fn a_manifest_of_tasks_with_unknown_labels() {
    let root = tree(&["1.bmp", "2.bmp"]);
    let dataset = manifest(root.path(), "path,edema,fracture,group\n1.bmp,1,,a\n2.bmp,0.0,1.0,b\n").unwrap();
    let Task::Multilabel { tasks } = dataset.task() else { panic!() };
    assert_eq!(tasks, &["edema", "fracture"]);
    assert_eq!(dataset.samples()[0].target, Target::Labels(vec![Some(true), None]));
    assert_eq!(dataset.samples()[1].target, Target::Labels(vec![Some(false), Some(true)]));
}

#[test]
fn invalid_manifests_are_refused_by_row() {
    let root = tree(&["in/1.bmp", "in/2.bmp"]);
    let inside = root.path().join("in");
    let bad = |table: &str, text: &str| refused(manifest(&inside, table), text);
    bad("path,label\n1.bmp,a\n../x.bmp,b\n", "row 3: expected the path of an image inside the CSV's folder");
    bad("path,label\n1.bmp,a\n/etc/hosts,b\n", "row 3: expected the path of an image inside");
    bad(
        "path,label\n1.bmp,a\n9.bmp,b\n",
        "row 3: expected an image file for every row, found none for 1 of 2",
    );
    bad("path,label\n1.bmp,a\n./1.bmp,b\n", "row 3: expected each image once");
    bad("path,label\n1.bmp,a\n2.bmp,\n", "row 3: expected a label, found a blank cell");
    bad("path,label\n1.bmp,a\n", "two labels or more");
    bad("path,edema\n1.bmp,-1\n", "row 2: expected 1, 0, or blank for unknown, found `-1`");
    bad("path,label,split\n1.bmp,a,1\n2.bmp,b,train\n", "expected a split: train, val or test");
    bad("slide,label\n1.bmp,a\n", "expected a column `path`, found the columns slide, label\nhint: rename");
    bad("image,id,label\n1.bmp,p1,a\n", "found both `image` and `id`\nhint: rename the column");
    bad("path\n1.bmp\n", "one column for each task");
    bad("path,label\n", "at least one row");
    bad("path,label\n1.bmp\n", "row 2: expected 2 cells as in the header, found 1");
    bad("path,label,Label\n1.bmp,a,b\n", "two `Label`");
    bad("path,label\n,a\n1.bmp,b\n", "row 2: expected the path of an image");
}

fn ids(dataset: &dyn Dataset) -> Vec<&str> {
    dataset.samples().iter().map(|sample| sample.id.as_str()).collect()
}

#[test]
fn a_manifest_names_an_image_in_any_spelling() {
    let root = tree(&["img/000.bmp", "img/001.BMP", "img/1.2.840.10", "top.bmp"]);
    let plain = "path,label\nimg/000.bmp,a\nimg/001.BMP,b\nimg/1.2.840.10,a\ntop.bmp,b\n";
    let expected = manifest(root.path(), plain).unwrap();
    assert_eq!(ids(&*expected), ["img/000.bmp", "img/001.BMP", "img/1.2.840.10", "top.bmp"]);
    let absolute = |path: &str| root.path().join(path).display().to_string();
    for [first, second, third, fourth] in [
        ["img\\000.bmp", "img\\001.BMP", "img\\1.2.840.10", ".\\top.bmp"],
        ["img/000", "img/001", "img/1.2.840.10", "top"],
        ["./img/000", "img/../img/001.BMP", "img//1.2.840.10", "./top.bmp"],
        [&*absolute("img/000.bmp"), &*absolute("img/001"), &*absolute("img/1.2.840.10"), "top.bmp"],
    ] {
        let table = format!("image,label\n{first},a\n{second},b\n{third},a\n\"{fourth}\",b\n");
        let dataset = manifest(root.path(), &table).unwrap();
        assert_eq!((ids(&*dataset), dataset.digest()), (ids(&*expected), expected.digest()), "{table}");
    }
    // A file whose name has a backslash.
    picture(&root.path().join("a\\b.bmp"), 9);
    let dataset = manifest(root.path(), "path,label\na\\b.bmp,a\ntop.bmp,b\n").unwrap();
    assert_eq!(ids(&*dataset), ["a\\b.bmp", "top.bmp"]);
}

#[cfg(unix)]
#[test]
fn absolute_paths_may_lead_to_the_folder_by_a_link() {
    let (root, other) = (tree(&["img/0.bmp", "img/1.bmp"]), tempfile::tempdir().unwrap());
    let link = other.path().join("link");
    std::os::unix::fs::symlink(root.path(), &link).unwrap();
    let linked = format!("path,label\n{0}/img/0.bmp,a\n{0}/img/1.bmp,b\n", link.display());
    assert_eq!(ids(&*manifest(root.path(), &linked).unwrap()), ["img/0.bmp", "img/1.bmp"]);
    let real = root.path().canonicalize().unwrap();
    let real = format!("path,label\n{0}/img/0.bmp,a\n{0}/img/1.bmp,b\n", real.display());
    assert_eq!(ids(&*manifest(&link, &real).unwrap()), ["img/0.bmp", "img/1.bmp"]);
}

#[test]
fn paths_may_leave_the_folder_of_the_table_but_not_the_data_root() {
    let root = tree(&["data/img/0.bmp", "data/tables/1.bmp", "x.bmp"]);
    let data = root.path().join("data");
    let open = |text: &str| {
        fs::write(data.join("tables/list.csv"), text).unwrap();
        DatasetConfig::Manifest(Manifest { path: "tables/list.csv".into(), attributes: Vec::new() })
            .open(&data, &FileHashes::none())
    };
    let dataset = open("path,label\n../img/0.bmp,a\n1.bmp,b\n").unwrap();
    assert_eq!(ids(&*dataset), ["../img/0.bmp", "1.bmp"]);
    let text = format!("path,label\n{0}/img/0.bmp,a\n{0}/tables/1.bmp,b\n", data.display());
    assert_eq!(open(&text).unwrap().digest(), dataset.digest());
    refused(open("path,label\n../../x.bmp,a\n1.bmp,b\n"), "row 2: expected the path of an image inside");
}

#[test]
fn the_hint_of_a_missing_image_fits_its_cause() {
    let root = tree(&["img/Scan 1.bmp", "img/2.bmp", "img/3.bmp", "img/3.png"]);
    let bad = |path: &str, text: &str| {
        refused(manifest(root.path(), &format!("path,label\nimg/2.bmp,a\n{path},b\n")), text);
    };
    bad("img", "row 3: expected an image file for every row");
    bad("img", "img is a folder: name an image in each row");
    bad("IMG/scan 1.BMP", "hint: the file is `img/Scan 1.bmp`: write names in the case of the files");
    bad("img/3", "row 3: expected one image `img/3`, found 3.bmp and 3.png\nhint: write the name with");
    bad("old/img/3.bmp", "hint: the folder has `img/3.bmp`: write paths relative to the folder of the CSV");
    bad("Scan 1.bmp", "hint: the folder has `img/Scan 1.bmp`: write paths relative");
    bad("D:\\old\\img\\3.bmp", "hint: the folder has `img/3.bmp`: write paths relative");
    bad(
        "/srv/old/img/3.bmp",
        "inside the CSV's folder, found `/srv/old/img/3.bmp`\nhint: the folder has `img/3.bmp`",
    );
    bad("img/4.bmp", "no image in it has this name");
    let at_root = Manifest { path: "".into(), attributes: Vec::new() };
    let opened = DatasetConfig::Manifest(at_root).open(root.path(), &FileHashes::none());
    refused(opened, "expected a table, found a folder\nhint: name the table's file");
}

#[test]
fn columns_that_a_manifest_does_not_read_are_noted() {
    let root = tree(&["1.bmp", "2.bmp"]);
    let dataset = manifest(root.path(), ",file,label,patient,age\n0,1.bmp,a,p1,7\n1,2.bmp,b,p1,8\n").unwrap();
    assert!(dataset.notes()[0].contains("not read: patient, age; call the patient's column `group`"));
    let grouped = manifest(root.path(), "file,label,group,age\n1.bmp,a,p1,7\n2.bmp,b,p1,8\n").unwrap();
    assert!(grouped.notes().is_empty());
    // The index of a data frame is not a task.
    let dataset = manifest(root.path(), ",path,edema\n0,1.bmp,1\n7,2.bmp,0\n").unwrap();
    assert_eq!(dataset.task().names(), ["edema"]);
}

#[test]
fn a_manifest_may_be_a_sheet() {
    let root = tree(&["img/000.bmp", "img/001.bmp", "img/002.bmp"]);
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/datasets/labels.xlsx");
    fs::copy(golden, root.path().join("labels.xlsx")).unwrap();
    let sheet = Manifest { path: "labels.xlsx".into(), attributes: Vec::new() };
    let sheet = DatasetConfig::Manifest(sheet).open(root.path(), &FileHashes::none()).unwrap();
    let text = "path,label,group\nimg/000.bmp,0,p1\nimg/001.bmp,1,2\nimg/002.bmp,1,\n";
    assert_eq!(sheet.samples(), manifest(root.path(), text).unwrap().samples());
    fs::remove_file(root.path().join("img/002.bmp")).unwrap();
    let sheet = Manifest { path: "labels.xlsx".into(), attributes: Vec::new() };
    refused(
        DatasetConfig::Manifest(sheet).open(root.path(), &FileHashes::none()),
        "labels.xlsx row 5: expected an image",
    );
}

#[test]
fn cifar10_is_the_same_in_both_forms() {
    let python = cifar10(Path::new(GOLDEN)).unwrap();
    assert_eq!(python.samples().len(), 6);
    assert_eq!(python.samples()[0].id, "data_batch_1/00000");
    assert_eq!(
        (&python.samples()[0].target, python.samples()[0].split),
        (&Target::Class(9), Some(Split::Train))
    );
    assert_eq!(
        (&python.samples()[5].target, python.samples()[5].split),
        (&Target::Class(4), Some(Split::Test))
    );
    assert_eq!(python.task().names()[9], "truck");
    // Image 1 is written by hand as Python 2 did. Byte i of image n is 40 n + i / 16, as planes.
    let image = python.image(1).unwrap();
    assert_eq!((image.width, image.height, &image.data[..3]), (32, 32, [40, 104, 168].as_slice()));
    assert_eq!(image.data[3 * 1023..], [103, 167, 231]);

    let folder = tempfile::tempdir().unwrap();
    for (index, sample) in python.samples().iter().enumerate() {
        let Target::Class(class) = sample.target else { panic!() };
        let data = python.image(index).unwrap().data;
        let mut record = vec![class as u8];
        record.extend((0..3).flat_map(|c| data[c..].iter().step_by(3)));
        let name = sample.id.split('/').next().unwrap();
        fs::write(folder.path().join(format!("{name}.bin")), record).unwrap();
    }
    let open = || cifar10(folder.path());
    let binary = open().unwrap();
    assert_eq!(binary.digest(), python.digest());
    assert_eq!(binary.samples(), python.samples());
    assert_eq!(binary.contents(), python.contents());
    assert_eq!(python.contents().unwrap().len(), 6);
    assert_eq!(binary.image(3).unwrap(), python.image(3).unwrap());

    fs::write(folder.path().join("data_batch_3.bin"), [0; 100]).unwrap();
    refused(open(), "data_batch_3.bin: expected records of 3073 bytes, found 100 bytes\nhint:");
    fs::write(folder.path().join("data_batch_3.bin"), [77; 3073]).unwrap();
    refused(open(), "expected labels of 0 to 9, found 77 for image 0");
    fs::remove_file(folder.path().join("data_batch_3.bin")).unwrap();
    refused(open(), "data_batch_3.bin: cannot be read");
}

#[test]
fn cifar100_has_fine_labels_in_any_array_order() {
    let dataset = DatasetConfig::Cifar100(Cifar100 { path: "cifar-100-python".into() })
        .open(Path::new(GOLDEN), &FileHashes::none())
        .unwrap();
    let targets: Vec<_> = dataset.samples().iter().map(|sample| sample.target.clone()).collect();
    assert_eq!(targets, [99, 3, 3].map(Target::Class));
    assert_eq!((dataset.task().outputs(), dataset.task().names()[99].as_str()), (100, "worm"));
    // The training pickle is in Fortran order.
    assert_eq!(dataset.image(0).unwrap().data[..3], [0, 64, 128]);
    assert_eq!(dataset.image(1).unwrap().data[..3], [40, 104, 168]);
}

#[test]
fn a_damaged_or_missing_cifar_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let expected = "expected CIFAR-10 (cifar-10-batches-py or cifar-10-batches-bin)";
    refused(cifar10(folder.path()), expected);
    let whole = fs::read(Path::new(GOLDEN).join("cifar-10-batches-py/data_batch_2")).unwrap();
    let expected = "data_batch_1: expected a CIFAR-10 batch in Python's pickle format";
    for length in (0..whole.len()).step_by(97) {
        fs::write(folder.path().join("data_batch_1"), &whole[..length]).unwrap();
        refused(cifar10(folder.path()), expected);
    }
}
