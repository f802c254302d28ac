//! Plans a small table of soups on drawn images, runs it in this process and prints the table.
//!
//!     cargo run -p ff-grid --example run_table
//!
//! Run it a second time: every job is found done.

use std::path::Path;

use ff_grid::{Catalog, Event, Local, Plan, RunStore, parse_experiment, write_results};

/// 2 fine-tuned models, 2 cyclic runs from them, and the six methods of FissionFusion's Table 1.
const CONFIG: &str = r#"
name = "example"
model = { image_size = 16, batch_size = 8 }
probe = { epochs = 1 }
finetune = { epochs = 2 }
grid = { learning_rates = [1e-2, 1e-3], augmentations = ["heavy"], seeds = [0] }
fgg = { epochs = 3, epochs_per_cycle = 2, lr_max = 1e-3, lr_min = 1e-5 }
backbone = [{ architecture = "resnet_pico", weights = "random" }]
dataset = [{ metric = "accuracy", source = { kind = "phantom", image_size = 16, train = 96 } }]
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runs = RunStore::new(std::env::temp_dir().join("ff-grid-example"));
    let experiment = parse_experiment(CONFIG, &[])?;
    let sources = experiment.sources().len();
    let catalog = Catalog::of(experiment.run(), sources, Path::new("."), runs.root());
    let plan = Plan::new(experiment, &catalog, &|id| Err(format!("{id}: not downloaded")));
    println!("{} jobs in {}", plan.jobs.len(), runs.root().display());

    let summary = Local::default().run_plan(&plan, &catalog, &runs, &|event| {
        if let Event::Finished(job, _) = event {
            println!("done: {}", job.label);
        }
    })?;
    if let Some((label, why)) = summary.failed.first() {
        return Err(format!("{label}: {why}").into());
    }

    let results = write_results(&plan, &runs)?;
    println!("{}", results.markdown);
    println!("{} jobs run, {} found done: {}", summary.done, summary.found, results.files[0].display());
    Ok(())
}
