//! `ff-soup select`: selects the files to average, by the images of a recipe, by images that are given,
//! or by a command that scores.

mod by_command;
mod claim;
mod images;
mod options;
mod printed;
mod recipe;
mod table;

use anyhow::bail;
use ff_grid::MOST_FOLDS;

pub use options::SelectOptions;

/// Selects, writes the soup, and prints every decision; with `--images` a table.
pub fn select(options: &SelectOptions) -> anyhow::Result<()> {
    // Wrong options are refused before anything is opened.
    let folds = options.folds();
    if folds == 1 || folds > MOST_FOLDS {
        bail!("--folds: expected 0 (none) or 2 to {MOST_FOLDS}, found {folds}");
    }
    let select = options.method.map(|method| options.selection(method)).transpose()?;
    options.check_output()?;
    if let (Some(command), Some(select)) = (options.score.command(options.metric)?, &select) {
        return by_command::make(options, select, &command);
    }
    match (options.config.given(), &options.images.images, select) {
        (None, Some(images), select) => table::make(options, images, select),
        (Some(config), None, Some(select)) => recipe::make(options, &config, select),
        (_, None, None) => {
            bail!("--method: expected how to select, found none\nhint: such as --method greedy")
        }
        (Some(_), Some(_), _) => bail!("expected --config or --images, found both"),
        (None, None, _) => bail!(
            "expected a recipe (--config) or images (--images), found neither\n\
             hint: give the images to choose by, such as --images data, or a command that scores \
             weights, --score-command"
        ),
    }
}
