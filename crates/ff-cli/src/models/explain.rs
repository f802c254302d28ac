//! `ff-models explain`: the places of an image that a prediction is made from.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use ff_data::augment::resize;
use ff_data::{Image, ImageFiles, read_image, write_png};
use ff_train::{Classifier, explain as explain_image, most_probable, overlay};

use super::model_option::ModelOption;
use crate::output::{print, say};

/// A trained model, and the images to explain.
#[derive(Args)]
pub struct Explain {
    #[command(flatten)]
    model: ModelOption,
    /// Images: folders, tables (CSV or Excel) with a column of paths, or files
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    images: Vec<PathBuf>,
    /// Class or task to explain, instead of the most probable one of each image
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Longer side of a picture, in pixels; smaller images keep their size
    #[arg(long, value_name = "PX", default_value_t = 512, value_parser = clap::value_parser!(u32).range(16..=4096))]
    side: u32,
    /// Folder to write PNG files to, one for each image
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

pub(super) fn explain(options: &Explain) -> anyhow::Result<()> {
    let Explain { images, class, side, output: folder, .. } = options;
    let files = ImageFiles::find_all(images)?;
    let (_, classifier) = options.model.open()?;
    let asked = class.as_ref().map(|name| {
        let at = classifier.classes.iter().position(|class| class == name);
        at.with_context(|| {
            format!("--class: expected one of {}, found {name}", classifier.classes.join(", "))
        })
    });
    let asked = asked.transpose()?;
    let named = names(&files, folder);
    if let Some((_, path)) = named.iter().find(|(_, path)| path.exists()) {
        bail!("--output: expected a folder without {}\nhint: name another folder", path.display());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
    let mut unreadable = 0;
    for (file, path) in named {
        let image = match read_image(file) {
            Ok(image) => image,
            Err(error) => {
                unreadable += 1;
                say(&format!("warning: {error}"));
                continue;
            }
        };
        let drawn = draw(&classifier, &image, asked, *side)?;
        write_png(&path, &drawn.picture)?;
        let (class, percent) = (&classifier.classes[drawn.output], 100.0 * drawn.probability);
        print(&format!("{}: {class} ({percent:.1} %), {}\n", file.display(), path.display()))?;
    }
    match unreadable {
        0 => Ok(()),
        all if all == files.len() => bail!("expected at least one readable image, found none among {all}"),
        some => {
            say(&format!("{some} of {} images cannot be read", files.len()));
            Ok(())
        }
    }
}

/// An image with its explanation.
struct Drawn {
    picture: Image,
    output: usize,
    probability: f64,
}

/// Explains an output of an image, or the most probable one.
fn draw(classifier: &Classifier, image: &Image, asked: Option<usize>, side: u32) -> anyhow::Result<Drawn> {
    let probabilities = classifier.probabilities(&classifier.logits(image)?);
    let output = asked.unwrap_or_else(|| most_probable(&probabilities));
    let explanation = explain_image(&classifier.model, image, output)?;
    let longer = image.width.max(image.height);
    let scaled = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longer)).max(1) as u32;
    let shown =
        if longer > side { resize(image, scaled(image.width), scaled(image.height)) } else { image.clone() };
    Ok(Drawn { picture: overlay(&shown, &explanation), output, probability: probabilities[output] })
}

/// Returns each image with the file of its picture: the image's name, and a number where another image
/// has the name.
fn names<'a>(files: &'a [PathBuf], folder: &Path) -> Vec<(&'a PathBuf, PathBuf)> {
    let (mut taken, mut counts) = (HashSet::new(), HashMap::new());
    let mut name = |file: &Path| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let count: &mut u32 = counts.entry(stem.clone()).or_default();
        loop {
            *count += 1;
            let name = if *count == 1 { format!("{stem}.png") } else { format!("{stem}-{count}.png") };
            if taken.insert(name.clone()) {
                return folder.join(name);
            }
        }
    };
    files.iter().map(|file| (file, name(file))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_names_of_their_own() {
        let files = ["a/x.png", "b/x.dcm", "x-2.png", "x.tif"].map(PathBuf::from);
        let found: Vec<PathBuf> = names(&files, Path::new("d")).into_iter().map(|(_, path)| path).collect();
        assert_eq!(found, ["d/x.png", "d/x-2.png", "d/x-2-2.png", "d/x-3.png"].map(PathBuf::from));
    }
}
