use std::fs;
use std::time::Duration;

use super::*;

/// A folder with files, and a path for the cache file.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("new/folder/hashes.txt")
    }

    /// Writes a file with a modification time.
    fn file(&self, name: &str, bytes: &[u8], modified: SystemTime) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        path
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.cache()).unwrap();
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    fn read(&self) -> HashMap<String, Known> {
        read(&fs::read(self.cache()).unwrap()[..]).unwrap()
    }
}

fn ago(seconds: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(seconds)
}

fn of(path: &Path, hashes: &FileHashes) -> Content {
    hash_files(&[path.to_owned()], hashes).unwrap()[0]
}

fn blake3_of(bytes: &[u8]) -> Content {
    *blake3::hash(bytes).as_bytes()
}

#[test]
fn files_are_hashed_in_order_and_a_missing_one_is_named() {
    let disk = Disk::new();
    let mut paths: Vec<_> = (0..20).map(|i| disk.file(&format!("{i}"), &[i as u8], ago(9))).collect();
    let expected: Vec<_> = (0..20u8).map(|i| blake3_of(&[i])).collect();
    assert_eq!(hash_files(&paths, &FileHashes::none()).unwrap(), expected);
    for _ in 0..2 {
        assert_eq!(hash_files(&paths, &FileHashes::open(&disk.cache())).unwrap(), expected);
    }
    assert_eq!(disk.lines().len(), 20);
    paths.insert(7, disk.0.path().join("absent"));
    for hashes in [FileHashes::none(), FileHashes::open(&disk.cache())] {
        let text = hash_files(&paths, &hashes).unwrap_err().to_string();
        assert!(text.contains(&paths[7].display().to_string()), "{text}");
    }
    assert!(hash_files(&[], &FileHashes::none()).unwrap().is_empty());
}

#[test]
fn a_file_larger_than_a_piece_is_hashed_whole() {
    let disk = Disk::new();
    let bytes: Vec<u8> = (0..1_000_003u32).map(|i| (i % 251) as u8).collect();
    assert_eq!(of(&disk.file("large", &bytes, ago(9)), &FileHashes::none()), blake3_of(&bytes));
}

#[test]
fn a_file_of_the_same_length_and_time_is_not_read_again() {
    let disk = Disk::new();
    let time = ago(100);
    let path = disk.file("a b\u{e9}", b"old", time);
    let hashes = FileHashes::open(&disk.cache());
    assert_eq!(of(&path, &hashes), blake3_of(b"old"));
    // Other bytes show that it is not read, by this handle or by a new one.
    disk.file("a b\u{e9}", b"new", time);
    assert_eq!(of(&path, &hashes), blake3_of(b"old"));
    assert_eq!(of(&path, &FileHashes::open(&disk.cache())), blake3_of(b"old"));
    assert_eq!(of(&path, &FileHashes::none()), blake3_of(b"new"));
}

#[test]
fn a_changed_file_is_read_again() {
    let disk = Disk::new();
    let time = ago(100);
    let path = disk.file("a", b"old", time);
    of(&path, &FileHashes::open(&disk.cache()));
    for (bytes, time) in [
        (b"new".as_slice(), time + Duration::from_nanos(1_000)),
        (b"newer".as_slice(), time + Duration::from_nanos(1_000)),
        (b"older".as_slice(), time - Duration::from_secs(1)),
    ] {
        disk.file("a", bytes, time);
        // Hashed, then read from the cache: the later line counts.
        assert_eq!(of(&path, &FileHashes::open(&disk.cache())), blake3_of(bytes));
        disk.file("a", &bytes.to_ascii_uppercase(), time);
        assert_eq!(of(&path, &FileHashes::open(&disk.cache())), blake3_of(bytes));
    }
    fs::remove_file(&path).unwrap();
    let gone = hash_files(&[path], &FileHashes::open(&disk.cache()));
    assert!(matches!(gone, Err(Error::Read { .. })));
}

#[test]
fn held_hashes_make_no_folder() {
    let disk = Disk::new();
    let path = disk.file("a", b"old", ago(9));
    let hashes = FileHashes::open(&disk.cache()).held();
    of(&path, &hashes);
    assert!(!disk.cache().parent().unwrap().exists());
    hashes.release();
    assert_eq!(disk.lines().len(), 1);
    of(&disk.file("b", b"new", ago(9)), &hashes);
    assert_eq!(disk.lines().len(), 2);

    // A folder that exists is written to at once, so interrupted hashing is not lost.
    of(&disk.file("c", b"newer", ago(9)), &FileHashes::open(&disk.cache()).held());
    assert_eq!(disk.lines().len(), 3);
}

#[test]
fn a_file_that_may_still_change_is_not_kept() {
    let disk = Disk::new();
    let hashes = FileHashes::open(&disk.cache());
    // With a file from the future this holds on a slow machine, too; below, stamps are compared
    // with given times.
    for time in
        [SystemTime::now() + Duration::from_secs(100_000), SystemTime::now() + Duration::from_secs(200_000)]
    {
        let path = disk.file("a", b"old", time);
        assert_eq!(of(&path, &hashes), blake3_of(b"old"));
        disk.file("a", b"new", time);
        assert_eq!(of(&path, &hashes), blake3_of(b"new"));
    }
    assert!(!disk.cache().exists());
    let written = std::time::UNIX_EPOCH + Duration::from_secs(1_000);
    let stamp = Stamp { length: 3, modified_ns: 1_000_000_000_000 };
    for (nanoseconds, settled) in
        [(0, false), (1_000_000_000, false), (1_999_999_999, false), (2_000_000_000, true)]
    {
        assert_eq!(stamp.is_settled(written + Duration::from_nanos(nanoseconds)), settled, "{nanoseconds}");
    }
}

#[test]
fn damaged_and_torn_lines_are_ignored() {
    let disk = Disk::new();
    let paths: Vec<_> = (0..3).map(|i| disk.file(&format!("{i}"), &[i], ago(100))).collect();
    for path in &paths {
        of(path, &FileHashes::open(&disk.cache()));
    }
    let whole = fs::read(disk.cache()).unwrap();
    let all = read(&whole[..]).unwrap();
    let known = |bytes: &[u8]| {
        let known = read(bytes).unwrap();
        assert!(known.iter().all(|(name, known)| all[name] == *known));
        known.len()
    };
    assert_eq!(known(&whole), 3);
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            // Line ends come in pairs: of a line, and of the empty line before the next.
            let paired = whole[at] == b'\n' && at > 0 && whole.get(at + 1).is_some();
            let expected = if paired { 2..=3 } else { 2..=2 };
            assert!(expected.contains(&known(&bytes)), "bit {bit} of byte {at}");
        }
    }
    assert_eq!(known(b"\xff\xfe\0 binary\n\n\n x y z\n"), 0);
    for length in 0..whole.len() {
        // The last byte is the end of a line, which the end of the file can replace.
        assert_eq!(known(&whole[..length]), (length + 1) / (whole.len() / 3), "{length} bytes");
        fs::write(disk.cache(), &whole[..length]).unwrap();
        // The next process's line is valid, though the line before it has no end.
        assert_eq!(of(&paths[2], &FileHashes::open(&disk.cache())), blake3_of(&[2]));
        assert!(disk.read().contains_key(paths[2].to_str().unwrap()));
    }
}

#[test]
fn two_handles_append_to_one_file() {
    let disk = Disk::new();
    let paths: Vec<_> = (0..400).map(|i| disk.file(&format!("{i}"), b"x", ago(9))).collect();
    let handles = [FileHashes::open(&disk.cache()), FileHashes::open(&disk.cache())];
    std::thread::scope(|scope| {
        for (part, hashes) in paths.chunks(200).zip(&handles) {
            scope.spawn(|| part.chunks(7).for_each(|paths| drop(hash_files(paths, hashes).unwrap())));
        }
    });
    assert!(disk.lines().iter().all(|line| Known::parse(line).is_some()));
    assert_eq!(disk.read().len(), 400);
}

#[test]
fn an_unusable_cache_file_is_ignored() {
    let disk = Disk::new();
    let path = disk.file("a", b"old", ago(9));
    // Below a file, and a folder.
    for file in [path.join("hashes"), disk.0.path().to_owned()] {
        let hashes = FileHashes::open(&file);
        assert_eq!(of(&path, &hashes), blake3_of(b"old"));
        assert!(hashes.cache.as_ref().unwrap().failed.load(Ordering::Relaxed));
        assert_eq!(of(&path, &hashes), blake3_of(b"old"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_a_line_cannot_hold_are_hashed_each_time() {
    use std::os::unix::ffi::OsStrExt;
    let disk = Disk::new();
    for name in [b"line\nbreak".as_slice(), b"no utf-8 \xff"] {
        let path = disk.0.path().join(std::ffi::OsStr::from_bytes(name));
        fs::write(&path, "x").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(ago(9)).unwrap();
        assert_eq!(of(&path, &FileHashes::open(&disk.cache())), blake3_of(b"x"));
    }
    assert!(!disk.cache().exists());
}
