//! `ff-models list`: the architectures.

use clap::Args;
use ff_models::{Architecture, Cost, ImageSizes, Normalisation, Spec};
use serde::Serialize;

use crate::output::{print, print_json};

/// Outputs of the networks that are counted: the classes of ImageNet.
const OUTPUTS: usize = 1000;

/// The form of the list.
#[derive(Args)]
pub struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An architecture.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    timm: Option<&'static str>,
    image_size: u32,
    image_sizes: ImageSizes,
    normalisation: Normalisation,
    outputs: usize,
    weights: u64,
    multiply_adds: u64,
    batch_norm: bool,
    published: Option<&'static str>,
}

pub(super) fn list(options: &List) -> anyhow::Result<()> {
    let rows = Architecture::ALL.iter().map(|&one| Row::of(one)).collect::<anyhow::Result<Vec<_>>>()?;
    if options.json { print_json(&rows) } else { print(&table(&rows)) }
}

impl Row {
    fn of(architecture: Architecture) -> anyhow::Result<Self> {
        let Cost { weights, multiply_adds } = Spec::new(architecture, OUTPUTS).cost()?;
        Ok(Self {
            name: architecture.name,
            timm: architecture.timm,
            image_size: architecture.image_size,
            image_sizes: architecture.sizes,
            normalisation: architecture.normalisation,
            outputs: OUTPUTS,
            weights,
            multiply_adds,
            batch_norm: architecture.batch_norm,
            published: architecture.pretrained,
        })
    }
}

fn table(rows: &[Row]) -> String {
    let line = |name: &str, columns: [&str; 5]| {
        let [sizes, weights, macs, batch_norm, published] = columns;
        format!("{name:<22}  {sizes:<9}  {weights:>7}  {macs:>7}  {batch_norm:>2}  {published}\n")
    };
    let mut text = line("architecture", ["px", "weights", "MACs", "BN", "published weights"]);
    for row in rows {
        let takes = match row.image_sizes {
            ImageSizes::AtLeast(px) => format!("≥{px}"),
            ImageSizes::MultipleOf(px) => format!("×{px}"),
        };
        text += &line(
            row.name,
            [
                &format!("{} ({takes})", row.image_size),
                &format!("{:.1} M", row.weights as f64 / 1e6),
                &format!("{:.2} G", row.multiply_adds as f64 / 1e9),
                if row.batch_norm { "BN" } else { "-" },
                row.published.unwrap_or("-"),
            ],
        );
    }
    let others: Vec<&str> = rows.iter().filter(|row| row.timm.is_none()).map(|row| row.name).collect();
    // Lines of at most 100 columns.
    let others: Vec<String> = others.chunks(4).map(|names| names.join(", ")).collect();
    text += &format!(
        "\npx: side of the images that the published weights were trained on, and the sides that the\n    \
         network takes: ≥ at least, × multiples\n\
         weights, MACs (multiply-adds for an image of that side): with {OUTPUTS} outputs\n\
         published weights: id on the Hugging Face hub\n\
         timm has the same names, but for\n    {}\n",
        others.join(",\n    ")
    );
    for (Normalisation { mean, std }, names) in normalisations(rows) {
        text += &format!("normalisation of {names}: mean {mean:?}, std {std:?}\n");
    }
    text
}

/// Returns each normalisation with the architectures that have it.
fn normalisations(rows: &[Row]) -> Vec<(Normalisation, String)> {
    let mut found: Vec<(Normalisation, Vec<&str>)> = Vec::new();
    for row in rows {
        match found.iter_mut().find(|(known, _)| *known == row.normalisation) {
            Some((_, names)) => names.push(row.name),
            None => found.push((row.normalisation, vec![row.name])),
        }
    }
    let name = |names: Vec<&str>| if names.len() == rows.len() { "all".to_owned() } else { names.join(", ") };
    found.into_iter().map(|(normalisation, names)| (normalisation, name(names))).collect()
}
