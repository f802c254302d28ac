//! The folder of shrunk pictures: whatever lies there, pictures are the right ones.
//!
//! The first byte chooses what the rest is: a whole pack, what follows a pack's header, or a list
//! of pieces (sound records and bytes); and whether a sound pack lies beside it.
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
    /// What must be read.
    images: Vec<Image>,
    /// Where the packs lie, below [`folder`].
    packs: PathBuf,
    /// A sound pack's header and its records.
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

    /// A pack of pieces: a sound record (with its number and where one byte of it is changed by how
    /// much), or a number of bytes as they are.
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
        let sound = [fixture.header.clone(), fixture.records.concat()].concat();
        write(fixture.packs.join("b.pack"), &sound);
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
    // What was written meanwhile is sound.
    let again = ResizedCache::new(fixture.dataset.clone(), PX, Some(&folder().join("packs")));
    for (index, image) in fixture.images.iter().enumerate() {
        assert_eq!(again.image(index).expect("a picture"), *image);
    }
});
