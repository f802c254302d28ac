//! `gpu-kit`: a folder that proves and measures the GPU path on any machine with a card, and the
//! page of what it found.

mod images;
mod pack;
mod page;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::setup;
use crate::workspace::Workspace;

/// What to pack, or what to read.
#[derive(Args)]
pub struct Options {
    /// Folder to write the kit to; results in an older kit are kept
    #[arg(long, value_name = "DIR", required_unless_present = "read")]
    output: Option<PathBuf>,
    /// Folder of class folders of images, of which up to 20 MB are packed
    ///
    /// Without it, the machine with the card draws photographs, for which it needs Pillow.
    #[arg(long, value_name = "DIR", requires = "output")]
    images: Option<PathBuf>,
    /// Folder of built programs [default: built in release mode]
    #[arg(long, value_name = "DIR", requires = "output")]
    programs: Option<PathBuf>,
    /// Read the results of a kit and write docs/measurements/gpu.md from them
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    read: Option<PathBuf>,
}

/// Packs a kit, or writes the page from a kit's results.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if let Some(kit) = &options.read {
        let page = workspace.root().join("docs/measurements/gpu.md");
        page::write(kit, &page)?;
        println!("wrote {}", page.display());
    }
    if let Some(output) = &options.output {
        // A folder that is not a kit is refused before anything is built.
        pack::check_output(output)?;
        let programs = match &options.programs {
            Some(folder) => pack::PROGRAMS.map(|name| folder.join(name)).to_vec(),
            None => {
                setup::ensure(workspace, false)?;
                workspace.build_and_list(&pack::PROGRAMS)?
            }
        };
        let sources = workspace.root().join("xtask/gpu-kit");
        let bytes = pack::pack(&sources, &programs, options.images.as_deref(), output)?;
        println!("packed {} ({} MB)", output.display(), pack::megabytes(bytes));
        println!("on the machine with the card: {}/run.sh all", output.display());
    }
    Ok(ExitCode::SUCCESS)
}
