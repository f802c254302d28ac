//! Measures how resized images change a model's input, compared with images decoded at full size.
//!
//! ```bash
//! cargo run --release -p ff-data --example resized_cache -- DIR IMAGE_SIZE SHRINK_PX…
//! ```
//!
//! DIR holds class folders. Every image is augmented to IMAGE_SIZE × IMAGE_SIZE pixels with 16
//! random draws, once from its full size and once from a version of SHRINK_PX pixels on the shorter
//! side, with the same draws. The program prints the mean absolute difference in grey levels and
//! its 99th percentile.

use std::path::Path;

use ff_data::datasets::Folder;
use ff_data::random::stream;
use ff_data::{Augment, Dataset, DatasetConfig, FileHashes, ResizedCache};

const DRAWS: u64 = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, image_size, sizes @ ..] = arguments.as_slice() else {
        return Err("expected the arguments DIR IMAGE_SIZE SHRINK_PX…".into());
    };
    let image_size: u32 = image_size.parse()?;
    let dataset =
        DatasetConfig::Folder(Folder { path: folder.into() }).open(Path::new(""), &FileHashes::none())?;
    println!("{} images", dataset.samples().len());
    for size in sizes {
        let shrunk = ResizedCache::new(dataset.clone(), size.parse()?, None);
        for augment in [Augment::Eval, Augment::Minimal, Augment::Heavy, Augment::Medium] {
            // How often each absolute difference occurs.
            let mut counts = [0u64; 256];
            for number in 0..dataset.samples().len() {
                let (image, small) = (dataset.image(number)?, shrunk.image(number)?);
                for draw in 0..DRAWS {
                    let of = |image| {
                        let mut rng = stream(0, "augment", &[number as u64, draw]);
                        augment.apply(image, image_size, &mut rng)
                    };
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
                "shrink {size}, {augment} to {image_size}: mean {mean:.2}, 99 % within {}",
                above.unwrap_or(255)
            );
        }
    }
    Ok(())
}
