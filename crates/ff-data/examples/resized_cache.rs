//! What shrinking images once changes against decoding them at full size each time, in grey levels
//! of what a model sees.
//!
//!     cargo run --release -p ff-data --example resized_cache -- DIR PX SHRINK_PX…
//!
//! DIR holds class folders. Every image is augmented to PX × PX with 16 draws, from its full size
//! and from a version shrunk to SHRINK_PX on the shorter side; the draws are the same. Printed are
//! the mean absolute difference and the 99th percentile.

use std::path::Path;

use ff_data::datasets::Folder;
use ff_data::random::stream;
use ff_data::{Augment, Dataset, DatasetConfig, FileHashes, ResizedCache};

const DRAWS: u64 = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, px, sizes @ ..] = arguments.as_slice() else { return Err("DIR PX SHRINK_PX…".into()) };
    let px: u32 = px.parse()?;
    let dataset =
        DatasetConfig::Folder(Folder { path: folder.into() }).open(Path::new(""), &FileHashes::none())?;
    println!("{} images", dataset.samples().len());
    for size in sizes {
        let shrunk = ResizedCache::new(dataset.clone(), size.parse()?, None);
        for augment in [Augment::Eval, Augment::Minimal, Augment::Heavy, Augment::Medium] {
            // Of each absolute difference how often it occurs.
            let mut counts = [0u64; 256];
            for number in 0..dataset.samples().len() {
                let (image, small) = (dataset.image(number)?, shrunk.image(number)?);
                for draw in 0..DRAWS {
                    let of =
                        |image| augment.apply(image, px, &mut stream(0, "augment", &[number as u64, draw]));
                    for (a, b) in of(&image).data.iter().zip(&of(&small).data) {
                        counts[usize::from(a.abs_diff(*b))] += 1;
                    }
                }
            }
            let total: u64 = counts.iter().sum();
            let mean =
                counts.iter().zip(0u64..).map(|(n, level)| n * level).sum::<u64>() as f64 / total as f64;
            let mut seen = 0;
            let above = counts.iter().position(|n| {
                seen += n;
                seen * 100 >= total * 99
            });
            println!(
                "shrink {size}, {augment} to {px}: mean {mean:.2}, 99 % within {}",
                above.unwrap_or(255)
            );
        }
    }
    Ok(())
}
