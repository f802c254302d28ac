//! Figures as PNG.

use std::path::{Path, PathBuf};

use anyhow::Context;
use ff_checkpoint::write_atomic;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Pixels for each unit of the SVG picture.
const SCALE: f32 = 2.0;

/// Draws SVG pictures as PNG beside them, twice as large, with the system's fonts. What is no SVG picture is passed over.
///
/// # Errors
/// A picture that cannot be read or written.
pub fn png_beside(files: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut options = Options::default();
    options.fontdb_mut().load_system_fonts();
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
