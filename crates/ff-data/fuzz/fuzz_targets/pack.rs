//! Fuzzes the folder of resized images: the images read are always the right ones.
//!
//! The first byte chooses the meaning of the rest: a whole pack, the bytes after a pack's header,
//! or a list of pieces (valid records and bytes). It also chooses whether there is a valid pack
//! beside it.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ff_data::{Dataset, Error, Image, Inventory, ResizedCache, Sample, Target, Task};
use ff_data_fuzz::{folder, write};
use libfuzzer_sys::fuzz_target;

const PX: u32 = 3;
const SIZES: [(u32, u32); 5] = [(1, 1), (3, 3), (7, 5), (2, 40), (4, 3)];
const HEADER_BYTES: usize = 48;
const HEAD_BYTES: usize = 32;

struct Tiny {
    inventory: Inventory,
}

impl Dataset for Tiny {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        let (width, height) = SIZES[index];
        let data = (0..width * height * 3).map(|i| (i * 37 + index as u32) as u8).collect();
        Ok(Image { width, height, data })
    }
}

struct Fixture {
    dataset: Arc<Tiny>,
    /// The expected images.
    images: Vec<Image>,
    /// Folder of the packs, below [`folder`].
    packs: PathBuf,
    /// The header and the records of a valid pack.
    header: Vec<u8>,
    records: Vec<Vec<u8>>,
}

impl Fixture {
    fn new() -> Self {
        let sample = |index: usize| Sample {
            id: index.to_string(),
            target: Target::Class(0),
            group: None,
            split: None,
        };
        let samples = (0..SIZES.len()).map(sample).collect();
        let task = Task::Multiclass { classes: vec!["only".into()] };
        let dataset = Arc::new(Tiny { inventory: Inventory::new(task, samples, "tiny") });
        let shrunk = ResizedCache::new(dataset.clone(), PX, None);
        let images: Vec<_> = (0..SIZES.len()).map(|index| shrunk.image(index).expect("a picture")).collect();
        let packs = PathBuf::from("packs").join(&shrunk.digest()[..32]);

        let kept = ResizedCache::new(dataset.clone(), PX, Some(&folder().join("packs")));
        assert_eq!(kept.prepare(1, &|_, _| {}).expect("a writable folder").added, SIZES.len());
        let pack = fs::read_dir(folder().join(&packs)).expect("packs").next().expect("one").expect("one");
        let bytes = fs::read(pack.path()).expect("the pack");
        let (header, mut rest) = bytes.split_at(HEADER_BYTES);
        let mut records = Vec::new();
        for image in &images {
            let (record, after) = rest.split_at(HEAD_BYTES + image.data.len());
            records.push(record.to_vec());
            rest = after;
        }
        assert!(rest.is_empty());
        Self { dataset, images, packs, header: header.to_vec(), records }
    }

    /// Builds a pack of pieces: a valid record, given by its number, in which one byte may be
    /// changed; or a number of unchanged bytes.
    fn pieces(&self, mut data: &[u8]) -> Vec<u8> {
        let mut pack = self.header.clone();
        while let Some((&piece, rest)) = data.split_first() {
            data = rest;
            if piece < 128 {
                let mut record = self.records[usize::from(piece) % self.records.len()].clone();
                if piece >= 64
                    && let [at, change, rest @ ..] = data
                {
                    let at = usize::from(*at) % record.len();
                    record[at] = record[at].wrapping_add(*change);
                    data = rest;
                }
                pack.extend(record);
            } else {
                let (bytes, rest) = data.split_at(data.len().min(usize::from(piece - 128)));
                pack.extend(bytes);
                data = rest;
            }
        }
        pack
    }
}

static FIXTURE: OnceLock<Fixture> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let fixture = FIXTURE.get_or_init(Fixture::new);
    let Some((choice, data)) = data.split_first() else { return };
    let _ = fs::remove_dir_all(folder().join(&fixture.packs));
    let pack = match choice % 3 {
        0 => data.to_vec(),
        1 => [&fixture.header, data].concat(),
        _ => fixture.pieces(data),
    };
    write(fixture.packs.join("a.pack"), &pack);
    if choice & 64 != 0 {
        let valid = [fixture.header.clone(), fixture.records.concat()].concat();
        write(fixture.packs.join("b.pack"), &valid);
    }
    let shrunk = ResizedCache::new(fixture.dataset.clone(), PX, Some(&folder().join("packs")));
    if choice & 128 != 0 {
        let prepared = shrunk.prepare(1, &|_, _| {}).expect("a writable folder");
        assert!(prepared.unreadable.is_empty());
        assert_eq!(prepared.kept_before + prepared.added, SIZES.len());
    }
    for _ in 0..2 {
        for (index, image) in fixture.images.iter().enumerate() {
            assert_eq!(shrunk.image(index).expect("a picture"), *image);
        }
    }
    // The packs written meanwhile are valid.
    let again = ResizedCache::new(fixture.dataset.clone(), PX, Some(&folder().join("packs")));
    for (index, image) in fixture.images.iter().enumerate() {
        assert_eq!(again.image(index).expect("a picture"), *image);
    }
});
