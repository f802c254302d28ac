//! The public interfaces for extensions: an engine and an experiment in another crate.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use ff_data::datasets::PhantomConfig;
use ff_data::{Augment, DatasetConfig, OnBadImage, PhantomKind, SplitRule};
use ff_eval::Metric;
use ff_grid::{
    BackboneConfig, Catalog, Claims, Common, DataSource, DatasetEntry, Engine, Error, EvaluationConfig,
    Event, Experiment, Graph, JobContext, JobId, JobSpec, Jobs, Local, ModelConfig, OnEvent, Plan,
    QueueStatus, Records, Recovered, RunConfig, RunStore, Summary, Table, TableReport, Texts, Training,
    WeightsSource, render,
};
use ff_models::Architecture;
use ff_train::{CancelToken, TaskWeights};
use tch::Device;

/// An engine that runs one job after the other in the caller's thread.
struct OneByOne;

impl Engine for OneByOne {
    fn run(&self, context: &JobContext<'_>, on_event: OnEvent<'_>) -> Result<Summary, Error> {
        let mut summary = Summary::default();
        for job in context.jobs.iter() {
            if context.runs.record(job)?.is_some() {
                summary.found += 1;
                continue;
            }
            let record = context.run(job, &context.stop, &mut |_| {})?;
            on_event(Event::Finished(job, &record));
            summary.done += 1;
        }
        Ok(summary)
    }

    fn dry_run(&self, _: &JobContext<'_>) -> Result<Vec<(String, String)>, Error> {
        Ok(Vec::new())
    }

    fn status(&self, _: &Jobs, _: &[&str], _: &RunStore) -> Result<QueueStatus, Error> {
        Ok(QueueStatus::default())
    }

    fn cancel(&self, _: &str, _: &RunStore) -> Result<usize, Error> {
        Ok(0)
    }
}

/// An experiment: the same training with two learning rates.
#[derive(Debug)]
struct TwoRates {
    model: ModelConfig,
    evaluation: EvaluationConfig,
    run: RunConfig,
}

/// The table of its runs, by learning rate.
struct Rates {
    experiment: TwoRates,
    runs: Vec<(f64, JobId)>,
}

fn images() -> DatasetEntry {
    let source = DatasetConfig::Phantom(PhantomConfig {
        task: PhantomKind::Shapes,
        image_size: 16,
        train: 24,
        val: 12,
        test: 0,
        seed: 1,
        ..PhantomConfig::default()
    });
    DatasetEntry {
        name: "shapes".into(),
        metric: Metric::Accuracy,
        source,
        split: SplitRule::Official {},
        shrink_px: None,
        task_weights: TaskWeights::Equal,
        expected: None,
        paper_column: None,
        ood: Vec::new(),
    }
}

impl Experiment for TwoRates {
    fn common(&self) -> Common<'_> {
        Common {
            name: "two-rates",
            model: &self.model,
            pretrain: None,
            evaluation: &self.evaluation,
            run: &self.run,
        }
    }

    fn run_mut(&mut self) -> &mut RunConfig {
        &mut self.run
    }

    fn sources(&self) -> Vec<(String, DataSource)> {
        vec![("shapes".into(), images().data())]
    }

    fn to_toml(&self) -> Result<String, Error> {
        Ok(String::new())
    }

    fn lay_out(self: Box<Self>, graph: &mut Graph<'_>) -> Box<dyn Table> {
        let backbone = BackboneConfig {
            name: "pico".into(),
            architecture: Architecture::RESNET_PICO,
            weights: WeightsSource::Random,
            shallow_layers: None,
        };
        let origin = graph.origin(&backbone, 0);
        let shared = graph.open(&backbone, &images(), &origin).shared;
        let mut runs = Vec::new();
        for rate in [1e-2, 1e-3] {
            let train = graph.train_config(1, Augment::Minimal, 0, Metric::Accuracy, rate);
            let (model, data) = (shared.spec, shared.identity.clone());
            let training = Training { model, start: origin.start.clone(), data, train, inmerge: None };
            let cost = shared.cost(1, 0);
            let label = format!("shapes pico: lr {rate:e}");
            runs.push((rate, graph.add(&shared, label, JobSpec::Finetune(training), vec![], cost, None)));
        }
        Box::new(Rates { experiment: *self, runs })
    }
}

impl Table for Rates {
    fn experiment(&self) -> &dyn Experiment {
        &self.experiment
    }

    fn blocked(&self) -> Vec<Option<&str>> {
        vec![None]
    }

    fn recover(&mut self, found: &mut Recovered<'_>) {
        self.runs.iter_mut().for_each(|(_, id)| *id = found.name(id));
    }

    fn texts(&self, Records { plan, runs }: Records<'_>) -> Result<Texts, Error> {
        let mut markdown = String::new();
        for (rate, id) in &self.runs {
            let record = runs.done(plan.job(id).expect("planned"))?;
            let kept = record.training()?.kept.as_ref().expect("it did not diverge");
            markdown += &format!("| {rate:e} | {:.4} |\n", kept.validation.value().expect("defined"));
        }
        Ok(Texts { markdown, csv: String::new(), latex: String::new(), json: String::new() })
    }

    fn report(&self, _: Records<'_>, _: &Catalog) -> Result<TableReport, Error> {
        Err(Error::Job("this table has no report".into()))
    }
}

/// Returns the plan of the experiment, and its catalog.
fn two_rates() -> (Plan, Catalog) {
    let experiment = TwoRates {
        model: ModelConfig { image_size: 16, batch_size: 8, ..ModelConfig::default() },
        evaluation: EvaluationConfig { resamples: 0, seed: 0 },
        run: RunConfig::default(),
    };
    let catalog = Catalog::new(Path::new("nowhere"), None, 0, OnBadImage::Error, 1 << 20);
    let plan = Plan::new(Box::new(experiment), &catalog, &|id| Err(format!("{id}: no hub here")));
    assert_eq!((plan.jobs.len(), plan.missing()), (2, vec![]));
    (plan, catalog)
}

#[test]
fn a_lost_gpu_stops_the_engine_and_fails_no_job() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, catalog) = two_rates();
    let runs = RunStore::new(folder.path());
    let failing = |text: &'static str| {
        let failed = AtomicBool::new(false);
        let on_event = move |event: Event<'_>| {
            if matches!(event, Event::Started(_)) && !failed.swap(true, Ordering::Relaxed) {
                panic!("{text}");
            }
        };
        Local::default().run_plan(&plan, &catalog, &runs, &on_event)
    };
    let error =
        failing("CUDA error: an illegal memory access was encountered\nException raised from x").unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("cpu failed: CUDA error: an illegal memory access was encountered\nhint: run"),
        "{text}"
    );
    assert!(text.contains("shapes pico: lr 1e-2"), "{text}");
    // Memory that is short is one job's failure.
    let summary = failing("CUDA out of memory. Tried to allocate 9 GiB. GPU 0 has 1 GiB").unwrap();
    assert_eq!((summary.done, summary.failed.len()), (1, 1), "{:?}", summary.failed);
    let summary = Local::default().run_plan(&plan, &catalog, &runs, &|_| {}).unwrap();
    assert_eq!((summary.done, summary.found), (1, 1));
}

#[test]
fn of_all_failures_of_a_lost_gpu_the_first_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, catalog) = two_rates();
    let (runs, claims) = (RunStore::new(folder.path()), Claims::new(Duration::from_secs(60), "cpu"));
    let context = in_context(&plan, &catalog, &runs, &claims);
    let (both, first) = (Barrier::new(2), Mutex::new(None::<String>));
    let on_event = |event: Event<'_>| {
        let Event::Started(job) = event else { return };
        both.wait();
        let is_first = *first.lock().unwrap().get_or_insert_with(|| job.label.clone()) == job.label;
        // The engine asks all jobs to stop once it has noted a failure.
        while !is_first && !context.stop.is_set() {
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("CUDA error: unspecified launch failure");
    };
    let engine = Local { workers: 2, ..Local::default() };
    let error = engine.run(&context, &on_event).unwrap_err();
    let label = first.lock().unwrap().clone().unwrap();
    assert!(error.to_string().contains(&format!("{label}: cpu failed")), "{error}");
}

/// Returns the environment of jobs on the CPU.
fn in_context<'a>(
    plan: &'a Plan,
    catalog: &'a Catalog,
    runs: &'a RunStore,
    claims: &'a Claims,
) -> JobContext<'a> {
    JobContext {
        jobs: &plan.jobs,
        run: plan.run(),
        catalog,
        runs,
        claims,
        stop: CancelToken::default(),
        device: Device::Cpu,
    }
}

#[test]
fn an_experiment_and_an_engine_of_another_crate() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, catalog) = two_rates();
    let (runs, claims) = (RunStore::new(folder.path()), Claims::new(Duration::from_secs(60), "cpu"));
    let context = in_context(&plan, &catalog, &runs, &claims);
    let summary = OneByOne.run(&context, &|_| {}).unwrap();
    assert_eq!((summary.done, summary.found), (2, 0));
    let summary = OneByOne.run(&context, &|_| {}).unwrap();
    assert_eq!((summary.done, summary.found), (0, 2));
    let [markdown, _] = render(&plan, &runs).unwrap();
    assert_eq!(markdown.lines().count(), 2, "{markdown}");
    assert!(markdown.starts_with("| 1e-2 | 0."), "{markdown}");
}
