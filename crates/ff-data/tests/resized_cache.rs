//! Checks that cached images always have the same pixels, whatever happens to the packs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use ff_data::augment::resize;
use ff_data::{Dataset, Error, Image, InMemory, Inventory, Prepared, ResizedCache, Sample, Target, Task};

const HEADER: usize = 48;
const HEAD: usize = 32;

/// Images that follow from their index, of which some are unreadable or panic; counts how often
/// they are decoded.
struct Source {
    inventory: Inventory,
    side: u32,
    bad: Vec<usize>,
    panics: Vec<usize>,
    decoded: AtomicUsize,
    /// Makes all threads finish decoding at the same time.
    together: Option<Barrier>,
}

impl Source {
    fn new(count: usize, side: u32) -> Self {
        let sample = |i| Sample { id: format!("s{i}"), target: Target::Class(0), group: None, split: None };
        let task = Task::Multiclass { classes: vec!["only".into()] };
        let inventory = Inventory::new(task, (0..count).map(sample).collect(), "source");
        Self {
            inventory: Inventory { contents: Some(vec![[7; 32]]), ..inventory },
            side,
            bad: vec![],
            panics: vec![],
            decoded: AtomicUsize::new(0),
            together: None,
        }
    }

    fn picture(&self, index: usize) -> Image {
        let (width, height) = (self.side + index as u32 % 3, self.side);
        let data = (0..width * height * 3).map(|i| (i * 7 + index as u32 * 31) as u8).collect();
        Image { width, height, data }
    }

    fn decoded(&self) -> usize {
        self.decoded.swap(0, Ordering::Relaxed)
    }
}

impl Dataset for Source {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }
    fn image(&self, index: usize) -> Result<Image, Error> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        if let Some(barrier) = &self.together {
            barrier.wait();
        }
        assert!(!self.panics.contains(&index), "a strange picture");
        if self.bad.contains(&index) {
            return Err(Error::image(format!("{index}.png"), "a picture", "none"));
        }
        Ok(self.picture(index))
    }
}

/// Checks that all images equal those without a folder.
#[track_caller]
fn check(shrunk: &ResizedCache, source: &Source, px: u32) {
    for index in 0..source.samples().len() {
        let Image { width, height, .. } = source.picture(index);
        let shorter = width.min(height);
        let side = |side: u32| if shorter <= px { side } else { (side * px + shorter / 2) / shorter };
        let expected = resize(&source.picture(index), side(width), side(height));
        assert!(shrunk.image(index).unwrap() == expected, "image {index}");
    }
}

/// Returns the only folder of packs in a folder.
fn packs_folder(folder: &Path) -> PathBuf {
    let folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1);
    folders[0].clone()
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(packs_folder(folder)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Returns the bytes of a pack of the first `count` images, none of them resized.
fn pack_bytes(source: &Source, count: usize) -> usize {
    HEADER + (0..count).map(|i| HEAD + source.picture(i).data.len()).sum::<usize>()
}

#[test]
fn images_are_decoded_once_and_equal_those_without_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = &folder.path().join("made/when/needed");
    let source = Arc::new(Source::new(9, 20));
    for px in [1, 7, 19, 20, 21, 500] {
        let without = ResizedCache::new(source.clone(), px, None);
        (0..2).for_each(|_| check(&without, &source, px));
        assert_eq!(source.decoded(), 18);
        let with = ResizedCache::new(source.clone(), px, Some(folder));
        (0..3).for_each(|_| check(&with, &source, px));
        assert_eq!(source.decoded(), 9);
        // Opened again, while the first is open.
        check(&ResizedCache::new(source.clone(), px, Some(folder)), &source, px);
        assert_eq!(source.decoded(), 0);
        assert_eq!(with.digest(), without.digest());
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 6);
}

#[test]
fn the_digest_depends_on_the_size_and_the_wrapped_dataset() {
    let source = Arc::new(Source::new(2, 5));
    let shrunk = |digest: &str, px| {
        let mut source = Source::new(2, 5);
        source.inventory.digest = digest.to_owned();
        ResizedCache::new(Arc::new(source), px, None).digest().to_owned()
    };
    assert_eq!(shrunk("a", 3), shrunk("a", 3));
    assert_eq!(shrunk("a", 3).len(), 64);
    assert_ne!(shrunk("a", 3), shrunk("a", 4));
    assert_ne!(shrunk("a", 3), shrunk("b", 3));
    let outer = InMemory::new(Arc::new(ResizedCache::new(source.clone(), 3, None)), 1000);
    assert_eq!((outer.samples(), outer.task()), (source.samples(), source.task()));
    assert_eq!(outer.contents(), source.contents());
}

#[test]
fn eight_threads_write_each_image_once() {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(Source::new(60, 12));
    let shrunk = ResizedCache::new(source.clone(), 99, Some(folder.path()));
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                (0..3).for_each(|_| check(&shrunk, &source, 99));
            });
        }
    });
    let [pack] = packs(folder.path()).try_into().unwrap();
    assert_eq!(fs::metadata(pack).unwrap().len(), pack_bytes(&source, 60) as u64);
    source.decoded();
    check(&ResizedCache::new(source.clone(), 99, Some(folder.path())), &source, 99);
    assert_eq!(source.decoded(), 0);
}

#[test]
fn threads_that_race_write_an_image_once() {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(Source { together: Some(Barrier::new(8)), ..Source::new(20, 12) });
    let shrunk = ResizedCache::new(source.clone(), 99, Some(folder.path()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            // No thread finds the image cached before all have decoded it.
            scope.spawn(|| assert!(shrunk.image(0).unwrap() == source.picture(0)));
        }
    });
    assert_eq!(source.decoded(), 8);
    let [pack] = packs(folder.path()).try_into().unwrap();
    assert_eq!(fs::metadata(pack).unwrap().len(), pack_bytes(&source, 1) as u64);
}

#[test]
fn prepare_counts_images_and_names_unreadable_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = Source::new(20, 10);
    (source.bad, source.panics) = (vec![4, 17], vec![11]);
    let source = Arc::new(source);
    let open = || ResizedCache::new(source.clone(), 10, Some(folder.path()));
    let first = open();
    (0..3).for_each(|index| drop(first.image(index).unwrap()));
    let good: Vec<_> = (0..20).filter(|i| ![4, 11, 17].contains(i)).collect();
    let bytes = good.iter().map(|&i| source.picture(i).data.len() as u64).sum();
    for (threads, kept_before) in [(3, 3), (0, 17), (99, 17)] {
        let shrunk = open();
        source.decoded();
        let seen = std::sync::Mutex::new(vec![]);
        let progress = |done, total| seen.lock().unwrap().push((done, total));
        let prepared = shrunk.prepare(threads, &progress).unwrap();
        let unreadable = vec![
            "s4: 4.png: expected a picture, found none".to_owned(),
            "s11: panic: a strange picture".to_owned(),
            "s17: 17.png: expected a picture, found none".to_owned(),
        ];
        assert_eq!(prepared, Prepared { kept_before, added: 17 - kept_before, unreadable, bytes });
        let total = 20 - kept_before;
        assert_eq!(seen.into_inner().unwrap(), (1..=total).map(|done| (done, total)).collect::<Vec<_>>());
        assert_eq!(source.decoded(), total);
        assert!(good.iter().all(|&index| shrunk.image(index).unwrap() == source.picture(index)));
        assert_eq!(source.decoded(), 0);
    }
    let nowhere = ResizedCache::new(source.clone(), 10, None).prepare(2, &|_, _| ()).unwrap();
    assert_eq!((nowhere, source.decoded()), (Prepared::default(), 0));
}

#[test]
fn two_caches_at_once_have_a_pack_each() {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(Source::new(30, 12));
    let both: Vec<_> = (0..2).map(|_| ResizedCache::new(source.clone(), 5, Some(folder.path()))).collect();
    std::thread::scope(|scope| both.iter().for_each(|one| drop(scope.spawn(|| check(one, &source, 5)))));
    assert_eq!((packs(folder.path()).len(), source.decoded()), (2, 60));
    // One of two copies may be damaged.
    let [first, second] = packs(folder.path()).try_into().unwrap();
    for pack in [first, second] {
        let whole = fs::read(&pack).unwrap();
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        damaged[HEADER + HEAD] ^= 1;
        fs::write(&pack, damaged).unwrap();
        check(&ResizedCache::new(source.clone(), 5, Some(folder.path())), &source, 5);
        assert_eq!(source.decoded(), 0);
        fs::write(&pack, whole).unwrap();
    }
}

/// Makes a pack of three small images; returns its bytes and its source, too.
fn small_pack() -> (tempfile::TempDir, PathBuf, Vec<u8>, Arc<Source>) {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(Source::new(3, 2));
    check(&ResizedCache::new(source.clone(), 2, Some(folder.path())), &source, 2);
    source.decoded();
    let [pack] = packs(folder.path()).try_into().unwrap();
    let bytes = fs::read(&pack).unwrap();
    assert_eq!(bytes.len(), pack_bytes(&source, 3));
    (folder, pack, bytes, source)
}

/// Makes these bytes the only pack, reads all images twice, and once more after opening again.
/// Returns how often an image was decoded.
fn reread(folder: &Path, pack: &Path, bytes: &[u8], source: &Arc<Source>) -> usize {
    for other in packs(folder) {
        fs::remove_file(other).unwrap();
    }
    fs::write(pack, bytes).unwrap();
    let shrunk = ResizedCache::new(source.clone(), 2, Some(folder));
    check(&shrunk, source, 2);
    let decoded = source.decoded();
    check(&shrunk, source, 2);
    check(&ResizedCache::new(source.clone(), 2, Some(folder)), source, 2);
    assert_eq!(source.decoded(), 0, "images that are decoded again are kept");
    assert_eq!(packs(folder).len(), 1 + usize::from(decoded > 0));
    decoded
}

#[test]
fn every_prefix_of_a_pack_opens() {
    let (folder, pack, bytes, source) = small_pack();
    for length in 0..=bytes.len() {
        let whole = (0..=3).rev().find(|&count| count == 0 || length >= pack_bytes(&source, count)).unwrap();
        assert_eq!(reread(folder.path(), &pack, &bytes[..length], &source), 3 - whole, "{length} bytes");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (folder, pack, bytes, source) = small_pack();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let decoded = reread(folder.path(), &pack, &damaged, &source);
            assert!((1..=3).contains(&decoded), "bit {bit} of byte {at}: {decoded} decoded");
            // Damaged pixels and checksums affect one image.
            let record = (0..3).rev().map(|count| pack_bytes(&source, count)).find(|&start| start <= at);
            if record.is_some_and(|start| at >= start + 16) {
                assert_eq!(decoded, 1, "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn invalid_heads_allocate_nothing() {
    let (folder, pack, bytes, source) = small_pack();
    let last = pack_bytes(&source, 2);
    for (field, value) in [(4, 3), (4, u32::MAX), (8, 0), (8, u32::MAX), (12, u32::MAX), (8, 59_652_323)] {
        let mut damaged = bytes.clone();
        damaged[last + field..][..4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(reread(folder.path(), &pack, &damaged, &source), 1);
        // Nothing after it is read as a record.
        damaged.extend_from_slice(&bytes[HEADER..]);
        assert_eq!(reread(folder.path(), &pack, &damaged, &source), 1);
    }
    let mut zeros = bytes[..last].to_vec();
    zeros.resize(4096, 0);
    assert_eq!(reread(folder.path(), &pack, &zeros, &source), 1);
}

#[test]
fn a_pack_may_shrink_or_vanish_while_open() {
    let (folder, pack, bytes, source) = small_pack();
    let shrunk = ResizedCache::new(source.clone(), 2, Some(folder.path()));
    check(&shrunk, &source, 2);
    assert_eq!(source.decoded(), 0);
    fs::File::options().write(true).open(&pack).unwrap().set_len(bytes.len() as u64 - 1).unwrap();
    check(&shrunk, &source, 2);
    assert_eq!(source.decoded(), 1);
    fs::remove_dir_all(packs_folder(folder.path())).unwrap();
    check(&shrunk, &source, 2);
    assert_eq!(source.decoded(), 0, "an open file stays");
}

#[test]
fn stale_packs_and_other_files_are_ignored() {
    let (folder, pack, bytes, source) = small_pack();
    for at in [0, 12, 16, 47] {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert_eq!(reread(folder.path(), &pack, &other, &source), 3);
    }
    // A pack of another dataset, and folders and texts beside the pack.
    let mut other = Source::new(3, 2);
    other.inventory.digest = "other".to_owned();
    let other = Arc::new(other);
    let other_folder = tempfile::tempdir().unwrap();
    check(&ResizedCache::new(other.clone(), 2, Some(other_folder.path())), &other, 2);
    let stale = fs::read(&packs(other_folder.path())[0]).unwrap();
    assert_eq!(reread(folder.path(), &pack, &stale, &source), 3);
    let beside = packs_folder(folder.path());
    fs::create_dir(beside.join("folder.pack")).unwrap();
    fs::write(beside.join("notes.txt"), &bytes).unwrap();
    check(&ResizedCache::new(source.clone(), 2, Some(folder.path())), &source, 2);
    assert_eq!(source.decoded(), 0);
}

#[test]
fn an_unusable_folder_is_ignored() {
    let (folder, pack, _, source) = small_pack();
    // Below a file no folder can be made, even by root.
    let shrunk = ResizedCache::new(source.clone(), 2, Some(&pack.join("below")));
    (0..2).for_each(|_| check(&shrunk, &source, 2));
    assert_eq!(source.decoded(), 6);
    let text = shrunk.prepare(2, &|_, _| ()).unwrap_err().to_string();
    assert!(text.contains("below") && text.contains("cannot be written"), "{text}");
    assert_eq!(source.decoded(), 0);
    // A file in the place of the folder of packs.
    let packs = packs_folder(folder.path());
    fs::remove_dir_all(&packs).unwrap();
    fs::write(&packs, "").unwrap();
    check(&ResizedCache::new(source.clone(), 2, Some(folder.path())), &source, 2);
}

/// Counts warnings.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn each_problem_warns_once() {
    let (folder, pack, bytes, source) = small_pack();
    let count = Arc::new(AtomicUsize::new(0));
    tracing::subscriber::with_default(Warnings(count.clone()), || {
        let warnings = |folder: &Path| {
            let shrunk = ResizedCache::new(source.clone(), 2, Some(folder));
            (0..2).for_each(|_| check(&shrunk, &source, 2));
            count.swap(0, Ordering::Relaxed)
        };
        assert_eq!(warnings(folder.path()), 0);
        assert_eq!(warnings(&pack), 1, "no folder");
        let mut damaged = bytes.clone();
        (0..3).for_each(|picture| damaged[pack_bytes(&source, picture) + 16] ^= 1);
        fs::write(&pack, &damaged).unwrap();
        assert_eq!(warnings(folder.path()), 1, "three damaged images");
        damaged[0] ^= 1;
        fs::write(&pack, &damaged).unwrap();
        assert_eq!(warnings(folder.path()), 1, "another form");
        fs::write(&pack, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(warnings(folder.path()), 0, "an incomplete record is ignored");
    });
}

#[test]
fn an_image_that_a_pack_cannot_hold_is_made_each_time() {
    struct Odd(Source);
    impl Dataset for Odd {
        fn inventory(&self) -> &Inventory {
            self.0.inventory()
        }
        fn image(&self, index: usize) -> Result<Image, Error> {
            self.0.decoded.fetch_add(1, Ordering::Relaxed);
            Ok(Image::filled(index as u32, 3, [1; 3]))
        }
        fn digest(&self) -> &str {
            "odd"
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let odd = Arc::new(Odd(Source::new(3, 1)));
    let shrunk = ResizedCache::new(odd.clone(), 9, Some(folder.path()));
    for _ in 0..2 {
        (0..3).for_each(|index| assert_eq!(shrunk.image(index).unwrap().width, index as u32));
    }
    // The first has no pixels and is made twice, the others once.
    assert_eq!(odd.0.decoded(), 4);
}

/// Runs one ignored test of this program in a child process, after the shell commands `first`.
fn child(test: &str, folder: &Path, first: &str) -> Command {
    let mut command = Command::new("sh");
    let program = std::env::current_exe().unwrap();
    command.args(["-c", &format!("{first}; exec \"$0\" --exact {test} --ignored --nocapture")]);
    command.arg(program).env("SHRUNK_FOLDER", folder).stdout(Stdio::null()).stderr(Stdio::inherit());
    command
}

fn child_folder() -> Option<PathBuf> {
    std::env::var_os("SHRUNK_FOLDER").map(PathBuf::from)
}

const CHILD_PX: u32 = 60;

fn child_source() -> Arc<Source> {
    Arc::new(Source::new(400, 60))
}

#[test]
#[ignore = "run in a child process by a_killed_process_leaves_what_it_wrote"]
fn child_that_is_killed() {
    let Some(folder) = child_folder() else { return };
    ResizedCache::new(child_source(), CHILD_PX, Some(&folder)).prepare(2, &|_, _| ()).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_process_leaves_what_it_wrote() {
    let source = child_source();
    let folder = tempfile::tempdir().unwrap();
    for round in 0..6 {
        let mut child = child("child_that_is_killed", folder.path(), ":").spawn().unwrap();
        // Some are killed before they write, some while they do, some after.
        std::thread::sleep(Duration::from_millis(4 * round));
        while round > 2 && fs::read_dir(folder.path()).unwrap().count() == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended without writing");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let shrunk = ResizedCache::new(source.clone(), CHILD_PX, Some(folder.path()));
        (0..400).step_by(50).for_each(|i| assert!(shrunk.image(i).unwrap() == source.picture(i)));
    }
    check(&ResizedCache::new(source.clone(), CHILD_PX, Some(folder.path())), &source, CHILD_PX);
    source.decoded();
    check(&ResizedCache::new(source.clone(), CHILD_PX, Some(folder.path())), &source, CHILD_PX);
    assert_eq!(source.decoded(), 0);
}

#[test]
#[ignore = "run in a child process by a_full_disk_leaves_no_incomplete_record"]
fn child_without_room() {
    let Some(folder) = child_folder() else { return };
    let source = child_source();
    let shrunk = ResizedCache::new(source.clone(), CHILD_PX, Some(&folder));
    check(&shrunk, &source, CHILD_PX);
    assert_eq!(source.decoded(), 400);
    check(&shrunk, &source, CHILD_PX);
    let again = source.decoded();
    assert!((300..400).contains(&again), "{again} decoded again");
    let text = shrunk.prepare(2, &|_, _| ()).unwrap_err().to_string();
    assert!(text.contains("cannot be written"), "{text}");
    assert_eq!(source.decoded(), 0);
}

/// A limit on the size of files acts like a full disk: a write is cut short, and the next fails.
#[test]
fn a_full_disk_leaves_no_incomplete_record() {
    for blocks in [400, 3, 0] {
        let folder = tempfile::tempdir().unwrap();
        let limits = format!("trap '' XFSZ; ulimit -f {blocks}");
        if blocks == 400 {
            assert!(child("child_without_room", folder.path(), &limits).status().unwrap().success());
            let source = child_source();
            let [pack] = packs(folder.path()).try_into().unwrap();
            let length = fs::metadata(pack).unwrap().len() as usize;
            let count = (1..400).find(|&count| pack_bytes(&source, count) == length);
            assert!(count.is_some(), "{length} bytes are no whole number of records");
        } else {
            // No room for an image, or for a header: nothing is left.
            child("child_without_room", folder.path(), &limits).stderr(Stdio::null()).status().unwrap();
            assert!(packs(folder.path()).is_empty());
        }
    }
}
