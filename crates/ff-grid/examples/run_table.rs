//! Plans a small table of soups on drawn images, runs it in this process and prints the table.
//!
//!     cargo run -p ff-grid --example run_table
//!
//! Run it a second time: every job is found done.

use std::path::Path;

use ff_grid::tch::Device;
use ff_grid::{
    CancelToken, Catalog, Claims, Engine, Event, JobContext, Local, Plan, RunStore, parse_experiment,
    write_results,
};

/// 2 fine-tuned models, 2 cyclic runs from them, and 3 ways to choose among their models.
const CONFIG: &str = r#"
name = "example"
model = { image_size = 16, precision = "fp32", batch_size = 8, weight_decay = 0.01 }
probe = { epochs = 1, learning_rate = 1e-2, augment = "minimal", seed = 9, update_bn_stats = false }
finetune = { epochs = 2, select_by = "metric" }
grid = { learning_rates = [1e-2, 1e-3], augmentations = ["heavy"], seeds = [0] }
evaluation = { resamples = 100, seed = 0 }
backbone = [{ name = "ResNet-pico", architecture = "resnet_pico", weights = "random" }]
method = [
    { name = "GS (best)", pool = "grid", select = { kind = "best" } },
    { name = "Greedy Soup", pool = "grid", select = { kind = "greedy" } },
    { name = "GoG", pool = "fgg", select = { kind = "gog", by = "learning_rate" } },
]

[fgg]
learning_rates = [1e-2, 1e-3]
augment = "heavy"
seed = 0
epochs = 3
epochs_per_cycle = 2
phase = 0.0
lr_max = 1e-3
lr_min = 1e-5
carry_optimizer = true

[[dataset]]
name = "Shapes"
metric = "accuracy"
source = { kind = "phantom", task = "shapes", image_size = 16, train = 96, val = 48, test = 48, seed = 1 }
split = { kind = "official" }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runs = RunStore::new(&std::env::temp_dir().join("ff-grid-example"));
    let experiment = parse_experiment(CONFIG, &[])?;
    let sources = experiment.sources().len();
    let catalog = Catalog::of(experiment.run(), sources, Path::new("."), runs.root());
    let plan = Plan::new(experiment, &catalog, &|id| Err(format!("{id}: not downloaded")));
    println!("{} jobs in {}", plan.jobs.len(), runs.root().display());

    let claims = Claims::new(plan.run().lease(), "cpu");
    let context = JobContext {
        jobs: &plan.jobs,
        run: plan.run(),
        catalog: &catalog,
        runs: &runs,
        claims: &claims,
        stop: CancelToken::default(),
        device: Device::Cpu,
    };
    catalog.start();
    let engine = Local { workers: 2, threads: 1, devices: vec![Device::Cpu], only: None };
    let summary = engine.run(&context, &|event| {
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
