//! `ff-grid png`: SVG figures as PNG.

use std::path::{Path, PathBuf};

use anyhow::Context;
use ff_checkpoint::write_atomic;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Common sans-serif fonts, in the order of preference.
const SANS_SERIF: [&str; 5] = ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans", "Noto Sans"];

/// Pixels for each unit of the SVG figure.
const SCALE: f32 = 2.0;

/// Converts SVG figures to PNG files next to them, at twice the size, with the system's fonts.
///
/// Files that do not end in `.svg` are skipped. Returns the paths of the PNG files.
///
/// # Errors
/// No font is installed, or a figure cannot be read or written.
pub fn png_beside(files: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut options = Options::default();
    let fonts = options.fontdb_mut();
    fonts.load_system_fonts();
    // Without a font the text would be missing, so any installed one is better than none.
    let there = |family: &str| fonts.faces().any(|face| face.families.iter().any(|(name, _)| name == family));
    let any = fonts.faces().find_map(|face| Some(face.families.first()?.0.clone()));
    let family = SANS_SERIF.into_iter().find(|family| there(family)).map(str::to_owned).or(any);
    let hint = "expected a font for the text of figures, found none\nhint: install one, such as Debian's fonts-dejavu-core";
    fonts.set_sans_serif_family(family.context(hint)?);
    let pictures = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "svg"));
    pictures.map(|path| png(path, &options).with_context(|| path.display().to_string())).collect()
}

fn png(path: &Path, options: &Options<'_>) -> anyhow::Result<PathBuf> {
    let tree = Tree::from_data(&std::fs::read(path)?, options)?;
    let size = tree.size().to_int_size().scale_by(SCALE).context("no size")?;
    let mut picture = Pixmap::new(size.width(), size.height()).context("too large")?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
    let (png, bytes) = (path.with_extension("png"), picture.encode_png()?);
    write_atomic(&png, |file| std::io::Write::write_all(file, &bytes))?;
    Ok(png)
}
