//! Plans of the repository's configurations, without running them.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ff_data::OnBadImage;
use ff_grid::{
    Averages, Catalog, Experiment, InmergeColumn, InmergeConfig, InmergeTable, Job, JobId, JobSpec, Plan,
    SingleRun, SoupsColumn, SoupsConfig, SoupsTable, parse_experiment, read_experiment,
};

fn file(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs")).join(name)
}

fn no_hub(id: &str) -> Result<PathBuf, String> {
    Err(format!("{id}: not here"))
}

fn read(name: &str, set: &[&str]) -> Result<Box<dyn Experiment>, ff_grid::Error> {
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    read_experiment(&file(name), &set)
}

fn plan(experiment: Box<dyn Experiment>) -> Plan {
    let catalog = Catalog::new(Path::new("/nonexistent"), None, 0, OnBadImage::Error, 0);
    Plan::new(experiment, &catalog, &no_hub)
}

fn soups(plan: &Plan) -> (&SoupsConfig, &[SoupsColumn]) {
    let SoupsTable { config, columns } = plan.table_as().expect("a table of soups");
    (config, columns)
}

fn inmerge(plan: &Plan) -> (&InmergeConfig, &[InmergeColumn]) {
    let InmergeTable { config, columns } = plan.table_as().expect("a table of in-model merging");
    (config, columns)
}

/// Downcasts an experiment's configuration to its kind.
fn of_kind<T: Experiment>(experiment: &dyn Experiment) -> &T {
    (experiment as &dyn Any).downcast_ref().expect("the expected kind of experiment")
}

fn demo(set: &[&str]) -> Plan {
    plan(read("table1/demo.toml", set).unwrap())
}

fn count(plan: &Plan, kind: &str) -> usize {
    plan.jobs.iter().filter(|job| job.spec.kind() == kind).count()
}

fn ids(plan: &Plan) -> BTreeSet<JobId> {
    plan.jobs.iter().map(|job| job.id.clone()).collect()
}

/// Checks that each job is in the plan once, after its inputs.
fn check_order(plan: &Plan) {
    let mut seen = BTreeSet::new();
    for job in plan.jobs.iter() {
        assert!(job.inputs.iter().all(|input| seen.contains(input.as_str())), "{}", job.label);
        assert!(seen.insert(job.id.as_str()), "{} is there twice", job.label);
    }
}

/// Reads a configuration, checks it, and checks that its resolved text reads back as the same.
fn reads_back<T: Experiment + PartialEq>(name: &str, check: impl FnOnce(&T)) {
    let experiment = read(name, &[]).unwrap();
    let config: &T = of_kind(&*experiment);
    check(config);
    let again = parse_experiment(&experiment.to_toml().unwrap(), &[]).unwrap();
    assert_eq!(of_kind::<T>(&*again), config, "{name}: the resolved configuration reads back");
}

/// Returns the names of all configurations of the repository, sorted.
fn configurations() -> Vec<String> {
    let root = file("");
    let (mut folders, mut names) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                names.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    names.sort();
    names
}

#[test]
fn every_configuration_in_the_repository_is_valid() {
    let names = configurations();
    for name in &names {
        let experiment = read(name, &[]).unwrap();
        let kind = &*experiment as &dyn Any;
        if kind.is::<SoupsConfig>() {
            let is_example = name.starts_with("examples");
            let is_evidence = name.starts_with("evidence");
            let rows = match name {
                _ if is_evidence => 32,
                name if name.contains("appendix") => 7,
                _ => 6,
            };
            let bn = if is_example || is_evidence { "recalibrate" } else { "averaged" };
            reads_back(name, |config: &SoupsConfig| {
                assert!(is_example || config.method.len() == rows, "{name}");
                assert_eq!(serde_json::to_value(&config.soup).unwrap()["bn"], bn, "{name}");
            });
        } else if kind.is::<InmergeConfig>() {
            reads_back(name, |config: &InmergeConfig| assert_eq!(config.baseline(), Some(0), "{name}"));
        } else {
            assert!(kind.is::<SingleRun>(), "{name}");
        }
    }
    assert!(names.iter().any(|name| name.ends_with("merging.toml")), "{names:?}");
}

#[test]
fn the_papers_table_is_planned_without_data() {
    let plan = plan(read("table1/paper.toml", &[]).unwrap());
    let columns = soups(&plan).1;
    assert_eq!(columns.len(), 14);
    for (kind, each) in [("probe", 1), ("finetune", 48), ("fgg", 8), ("soup", 6 + 4)] {
        assert_eq!(count(&plan, kind), 14 * each, "{kind}");
    }
    for column in columns {
        let why = column.head.blocked.as_ref().expect("the data is missing");
        let name = &column.head.dataset.name;
        assert!(why.contains(name.as_str()), "{why} names {name}");
    }
    assert!(plan.jobs.iter().all(|job| job.blocked.is_some()));

    // The paper's headline: 2,400 epochs of grid search against 536 of FGG, on each column.
    let epochs = |wanted: &[&str]| -> u64 {
        let of_column = plan.jobs.iter().filter(|job| job.label.starts_with("CIFAR10 ResNet50:"));
        of_column.filter(|job| wanted.contains(&job.spec.kind())).map(|job| job.cost.epochs).sum()
    };
    assert_eq!(epochs(&["finetune"]), 48 * 50);
    assert_eq!(8 * 50 + epochs(&["fgg"]), 536);
    let fgg = plan.jobs.iter().find(|job| job.spec.kind() == "fgg").unwrap();
    // Its five snapshots are at the ends of epochs, and are evaluated with them.
    assert_eq!((fgg.cost.epochs, fgg.cost.train_images, fgg.cost.evaluations), (17, 17 * 45_000, 17));
}

#[test]
fn bases_are_shared() {
    let plan = demo(&[]);
    assert_eq!(soups(&plan).1.len(), 10);
    assert_eq!((count(&plan, "probe"), count(&plan, "finetune"), count(&plan, "fgg")), (10, 10 * 9, 10 * 3));
    check_order(&plan);
    assert!(plan.jobs.iter().all(|job| job.blocked.is_none()));
    // Only the runs that FGG starts from save optimizer state.
    for job in plan.jobs.iter().filter(|job| job.spec.kind() == "finetune") {
        let heavy = job.fields["augmentation"] == "heavy";
        assert_eq!(job.spec.training().unwrap().train.keep_optimizer, heavy, "{}", job.label);
    }
}

#[test]
fn the_pool_fgg_all_has_cyclic_runs_of_all_augmentations() {
    let plan = plan(read("table1-appendix/demo.toml", &[]).unwrap());
    let (config, columns) = soups(&plan);
    for column in columns {
        for (method, jobs) in config.method.iter().zip(&column.methods) {
            let expected = match method.name.as_str() {
                "FGG + HS (Aug@top)" => 3 * 3 * 2,
                "GS + HS (GoU)" | "GS + HS (GoG)" => 9,
                _ => 3 * 2,
            };
            assert_eq!(jobs.pool.len(), expected, "{}", method.name);
        }
    }
    // Every base is a run of the grid.
    assert_eq!(count(&plan, "finetune"), columns.len() * 9);
    assert_eq!(count(&plan, "fgg"), columns.len() * 9);
    // The runs of the other rows are the same as without it.
    let runs = |plan: &Plan| {
        let runs = plan.jobs.iter().filter(|job| job.spec.training().is_some());
        runs.map(|job| job.id.clone()).collect::<BTreeSet<_>>()
    };
    assert!(runs(&plan).is_superset(&runs(&demo(&[]))));
    let error = |set: &[&str]| read("table1-appendix/demo.toml", set).unwrap_err().to_string();
    assert!(
        error(&["fgg.also_augment=[]"]).contains("expected augmentations in fgg.also_augment, found none")
    );
    assert!(
        error(&["fgg.also_augment=[\"heavy\"]"])
            .contains("fgg.also_augment: expected each value once, found heavy twice")
    );
}

#[test]
fn only_the_runs_that_are_needed_are_planned() {
    const PLANE: &str = "landscape={plane=[{pool='fgg'}]}";
    let cases: [(&str, &[&str], [usize; 2]); 10] = [
        ("grid", &[], [9, 0]),
        ("ema", &[], [9, 0]),
        ("grid-ema", &[], [9, 0]),
        ("fgg", &[], [3, 3]),
        ("fgg", &["fgg.also_augment=['minimal']"], [3, 3]),
        ("fgg-all", &["fgg.also_augment=['minimal']"], [6, 6]),
        ("fgg-also", &["fgg.also_augment=['minimal']"], [3, 3]),
        // Figures and single models need runs too.
        ("grid", &[PLANE], [9, 3]),
        ("fgg", &["connectivity={}"], [9, 3]),
        ("fgg", &["grid.top_models=1"], [9, 3]),
    ];
    for (pool, set, expected) in cases {
        let row = format!("method=[{{ name = 'Row', pool = '{pool}' }}]");
        let plan = demo(&[&[row.as_str()][..], set].concat());
        check_order(&plan);
        let columns = soups(&plan).1.len();
        let found = ["finetune", "fgg"].map(|kind| count(&plan, kind) / columns);
        assert_eq!(found, expected, "{pool} {set:?}");
        let used: BTreeSet<&JobId> = plan.jobs.iter().flat_map(|job| &job.inputs).collect();
        let mut runs = plan.jobs.iter().filter(|job| job.spec.training().is_some());
        // Paths are between some of the grid's runs.
        let has_paths = set.iter().any(|set| set.starts_with("connectivity"));
        assert!(has_paths || runs.all(|job| used.contains(&job.id)), "{pool} {set:?}");
    }
    // A cycle of 69 steps has no middle. Without FGG that does not matter.
    let odd = "fgg.epochs_per_cycle=3";
    let blocked = |plan: &Plan| soups(plan).1[0].head.blocked.clone();
    assert!(blocked(&demo(&[odd])).unwrap().contains("expected a cycle of an even number of steps"));
    assert_eq!(blocked(&demo(&[odd, "method=[{ name = 'Row', pool = 'grid' }]"])), None);
}

/// Overrides that leave the demo's ResNet, which takes images of any size.
const RESNET: &str =
    "backbone=[{ name = 'ResNet-pico', architecture = 'resnet_pico', weights = 'pretrain' }]";

#[test]
fn samples_and_sizes_multiply_the_grid() {
    let sections = "connectivity={ curves = { kind = 'each-field' } }";
    let plain = demo(&[RESNET]);
    let wide = demo(&[
        RESNET,
        "grid.samples=['all', 'bootstrap']",
        "grid.train_sizes=[32, 24]",
        "method.4={ pool = 'grid', select = { kind = 'gou', by = 'sample' } }",
        "method.5={ pool = 'grid', select = { kind = 'hierarchy', levels = ['image_size', 'sample'] } }",
        sections,
    ]);
    let columns = 5;
    assert_eq!(count(&plain, "finetune"), columns * 9);
    assert_eq!((count(&wide, "finetune"), count(&wide, "fgg")), (columns * 9 * 2 * 2, columns * 3));
    check_order(&wide);

    // The runs without the options stay the same, and come first. 32 px is the model's size.
    for (plain_column, wide_column) in soups(&plain).1.iter().zip(soups(&wide).1) {
        let [before, after] = [plain_column, wide_column].map(|column| &column.methods[0].pool);
        assert_eq!((before.len(), after.len()), (9, 36));
        assert_eq!(before[..], after[..9]);
    }
    for job in plain.jobs.iter().filter(|job| job.spec.training().is_some()) {
        let same = wide.job(&job.id).unwrap();
        assert_eq!((&job.label, &job.fields), (&same.label, &same.fields));
        assert_eq!(job.spec, same.spec);
    }

    let of = |sample: &str, size: &str| {
        let has = |job: &&Job| {
            let fields = job.group_fields();
            job.spec.kind() == "finetune" && fields["sample"] == sample && fields["image_size"] == size
        };
        wide.jobs.iter().filter(has).collect::<Vec<_>>()
    };
    for (sample, size, ending) in [
        ("all", "32", "seed 0"),
        ("bootstrap", "32", "seed 0 bootstrap"),
        ("all", "24", "seed 0 24 px"),
        ("bootstrap", "24", "seed 0 bootstrap 24 px"),
    ] {
        let jobs = of(sample, size);
        assert_eq!(jobs.len(), columns * 9, "{sample} {size}");
        for job in jobs {
            assert!(job.label.ends_with(ending), "{}", job.label);
            let training = job.spec.training().unwrap();
            assert_eq!(training.train.sample.name(), sample);
            assert_eq!(training.train.image_size, (size == "24").then_some(24));
            assert_eq!(training.model.image_size, 32, "validation images keep their size");
            // The bases of FGG are trained on all images at the model's size.
            let base = sample == "all" && size == "32" && job.fields["augmentation"] == "heavy";
            assert_eq!(training.train.keep_optimizer, base, "{}", job.label);
        }
    }
    // The first values with each other value: augmentations, learning rates, sample and size.
    let differ = |column: &SoupsColumn| {
        column.landscape.curves.iter().map(|path| path.differ.join("+")).collect::<Vec<_>>()
    };
    let expected = [&["augmentation"; 2][..], &["learning rate"; 2], &["sample", "image size"]].concat();
    assert!(soups(&wide).1.iter().all(|column| differ(column) == expected));
}

/// Returns the column of a table, such as `Shapes ResNet-pico`.
fn column<'a>(plan: &'a Plan, name: &str) -> &'a SoupsColumn {
    let is_it = |of: &&SoupsColumn| plan.job(&of.methods[0].soup).unwrap().label.starts_with(name);
    soups(plan).1.iter().find(is_it).expect("a column of the table")
}

/// Returns the batch size and the number of images for the BatchNorm statistics of each row.
fn recomputed(plan: &Plan, name: &str) -> Vec<(Option<usize>, Option<usize>)> {
    let of_job = |id: &JobId| match &plan.job(id).unwrap().spec {
        JobSpec::Soup(spec) => (spec.recalibrate, spec.bn_images),
        _ => unreachable!("each row has a soup"),
    };
    column(plan, name).methods.iter().map(|jobs| of_job(&jobs.soup)).collect()
}

#[test]
fn soups_have_the_batchnorm_statistics_of_the_section_or_the_row() {
    let averaged = demo(&[]);
    let none: [(Option<usize>, Option<usize>); 6] = [(None, None); 6];
    let some = demo(&["soup.bn=recalibrate", "soup.bn_images=100", "method.1.bn=averaged"]);
    // Best models are no averages, and DeiT has no BatchNorm.
    let of = (Some(32), Some(100));
    assert_eq!(recomputed(&averaged, "Shapes ResNet-pico"), none);
    assert_eq!(recomputed(&some, "Shapes ResNet-pico"), [none[0], none[0], of, none[0], of, of]);
    assert_eq!(recomputed(&some, "Shapes DeiT-pico"), none);
    let without = |plan: &Plan| {
        let jobs = plan.jobs.iter().filter(|job| job.label.contains("DeiT-pico"));
        jobs.map(|job| job.id.clone()).collect::<BTreeSet<_>>()
    };
    assert!(!without(&some).is_empty() && without(&some) == without(&averaged));
    let before = ids(&averaged);
    let new = some.jobs.iter().filter(|job| !before.contains(&job.id)).map(|job| job.spec.kind());
    assert_eq!(new.collect::<BTreeSet<_>>(), BTreeSet::from(["evaluate", "predict", "soup", "verdict"]));

    // Each of 9 candidates, on all and without each of three folds, takes 240 validation images, and
    // of 720 training images the sample.
    let greedy = |plan: &Plan| {
        plan.job(&column(plan, "Shapes ResNet-pico").methods[2].soup).unwrap().cost.evaluated_images
    };
    let [default, all] =
        ["soup.bn_images=2048", "soup.bn_images=0"].map(|images| demo(&["soup.bn=recalibrate", images]));
    assert_eq!(recomputed(&default, "Shapes ResNet-pico")[2], (Some(32), Some(2048)));
    assert_eq!(recomputed(&all, "Shapes ResNet-pico")[2], (Some(32), None));
    assert_eq!([&averaged, &some, &default, &all].map(greedy), [240, 340, 960, 960].map(|of| 4 * 9 * of));
}

#[test]
fn statistics_of_models_read_training_images() {
    // Nine models on at most 720 training images, and 240 validation images for the candidate.
    for (select, images) in [
        ("{kind='fisher',images=100}", 3 * 100),
        ("{kind='fisher',images=1000}", 3 * 720),
        ("{kind='regmean',images=100}", 100),
        ("{kind='stock'}", 0),
    ] {
        let plan = demo(&[&format!("method.1.select={select}")]);
        let cost = plan.job(&column(&plan, "Shapes ResNet-pico").methods[1].soup).unwrap().cost;
        assert_eq!((cost.evaluations, cost.evaluated_images), (1, 240 + 9 * images), "{select}");
    }
}

#[test]
fn paths_have_the_batchnorm_statistics_of_soups() {
    for (bn, section, expected) in [
        ("averaged", "{}", None),
        ("recalibrate", "{}", Some(32)),
        ("recalibrate", "{ bn = 'averaged' }", None),
    ] {
        let plan = demo(&[&format!("soup.bn={bn}"), &format!("connectivity={section}")]);
        let paths = plan.jobs.iter().filter(|job| job.label.starts_with("Shapes ResNet-pico"));
        let found = paths.filter_map(|job| match &job.spec {
            JobSpec::Path(spec) => Some(spec.evaluation.recalibrate),
            _ => None,
        });
        // Two pairs differ in augmentation, two in learning rate.
        assert_eq!(found.collect::<Vec<_>>(), [expected; 4], "{bn} {section}");
    }
}

#[test]
fn balanced_classes_block_multilabel_columns() {
    let plan = demo(&["grid.samples=['balanced']"]);
    for column in soups(&plan).1 {
        let blocked = column.head.blocked.as_deref();
        match column.head.dataset.name.as_str() {
            "Findings" => {
                let why = blocked.expect("its images may have several findings");
                assert!(why.starts_with("dataset Findings: grid.samples: sample `balanced`:"), "{why}");
            }
            _ => assert_eq!(blocked, None),
        }
    }
}

#[test]
fn runs_of_the_grid_keep_the_averages_that_a_row_needs() {
    const EMA: &str = "method.0.pool=ema";
    let decay = |job: &Job| job.spec.training().unwrap().train.ema.map(|ema| ema.decay);
    let averaged = demo(&[EMA]);
    check_order(&averaged);
    // Bases of FGG are still runs of the grid.
    assert_eq!((count(&averaged, "finetune"), count(&averaged, "fgg")), (10 * 9, 10 * 3));
    for job in averaged.jobs.iter().filter(|job| job.spec.training().is_some()) {
        let kept = (job.spec.kind() == "finetune").then_some(0.999);
        assert_eq!(decay(job), kept, "{}", job.label);
    }
    // 6 epochs and the average; its BatchNorm statistics, if any, are those of 720 images.
    let images = |name: &str| {
        let of = |job: &&Job| job.spec.kind() == "finetune" && job.label.starts_with(name);
        averaged.jobs.iter().filter(of).map(|job| job.cost.evaluated_images).collect::<BTreeSet<_>>()
    };
    assert_eq!(images("Shapes ResNet-pico"), BTreeSet::from([7 * 240 + 720]));
    assert_eq!(images("Shapes DeiT-pico"), BTreeSet::from([7 * 240]));
    // Rows on the same runs differ in what they select from.
    let row = |at: usize| {
        let JobSpec::Soup(spec) = &averaged.job(&soups(&averaged).1[0].methods[at].soup).unwrap().spec else {
            panic!("a soup")
        };
        (spec.averages, soups(&averaged).1[0].methods[at].pool.len())
    };
    assert_eq!((row(0), row(1)), ((Averages::Only, 9), (Averages::Without, 9)));
    // A greedy soup evaluates each model of its pool.
    for (pool, models) in [("grid", 9), ("ema", 9), ("grid-ema", 2 * 9)] {
        let plan = demo(&[&format!("method.2.pool={pool}")]);
        let greedy = plan.job(&soups(&plan).1[0].methods[2].soup).unwrap();
        assert_eq!(greedy.cost.evaluations, 4 * models, "{pool}");
    }

    let other = demo(&[EMA, "finetune.ema_decay=0.9", "fgg.seed=7"]);
    for job in other.jobs.iter().filter(|job| job.spec.kind() == "finetune") {
        let of_grid = job.fields["seed"] == "0";
        assert_eq!(decay(job), of_grid.then_some(0.9), "{}", job.label);
    }
}

#[test]
fn a_change_gives_only_affected_jobs_another_identity() {
    let kinds = |plan: &Plan, others: &BTreeSet<JobId>| -> BTreeSet<&'static str> {
        plan.jobs.iter().filter(|job| !others.contains(&job.id)).map(|job| job.spec.kind()).collect()
    };
    let before = ids(&demo(&[]));
    for unchanged in
        ["name=other", "run.workers=7", "run.loader_threads=0", "backbone.0.name=x", "dataset.0.name=y"]
    {
        assert_eq!(ids(&demo(&[unchanged])), before, "{unchanged}");
    }
    for (set, expected) in [
        ("evaluation.resamples=5", &["evaluate", "verdict"][..]),
        ("fgg.epochs=7", &["evaluate", "fgg", "predict", "soup", "verdict"]),
        ("method.1.select.kind=greedy", &["verdict"]),
        ("soup.folds=5", &["verdict"]),
        ("grid.seeds=[1]", &["evaluate", "finetune", "predict", "soup", "verdict"]),
        ("finetune.ema_decay=0.99", &["evaluate", "fgg", "finetune", "predict", "soup", "verdict"]),
        ("probe.seed=1", &["evaluate", "fgg", "finetune", "predict", "probe", "soup", "verdict"]),
        ("dataset.0.source.seed=99", &["evaluate", "fgg", "finetune", "predict", "probe", "soup", "verdict"]),
    ] {
        let changed = demo(&[set]);
        assert_eq!(kinds(&changed, &before), expected.iter().copied().collect(), "{set}");
    }
}

/// Overrides that add the sections on errors between models.
const LANDSCAPE: [&str; 3] = [
    "landscape={grid={from=-0.2,to=1.2,points=5},bn='averaged',plane=[{name='p',pool='fgg',models={kind='best'},soups=['GoG','GoU']}]}",
    "connectivity={bn='recalibrate',points=11,curves={kind='each-field'},matrix_points=5}",
    "greedy_barriers={points=5,methods=['Greedy Soup','GoG']}",
];

#[test]
fn landscape_sections_add_jobs_and_change_none() {
    let (plain, landscape) = (demo(&[]), demo(&LANDSCAPE));
    let described = |job: &Job| format!("{:?}", (&job.spec, &job.inputs, &job.label, &job.fields));
    for job in plain.jobs.iter() {
        let same = landscape.job(&job.id).expect("the same identity");
        assert_eq!(described(job), described(same));
    }
    let known: BTreeSet<&str> = plain.jobs.iter().map(|job| job.id.as_str()).collect();
    let new = landscape.jobs.iter().filter(|job| !known.contains(job.id.as_str()));
    let new: BTreeSet<_> = new.map(|job| job.spec.kind()).collect();
    assert_eq!(new, BTreeSet::from(["greedy-barriers", "path", "plane", "plane-row", "surface"]));
    let count = |kind| count(&landscape, kind);
    assert_eq!(
        (count("plane"), count("plane-row"), count("surface"), count("greedy-barriers")),
        (10, 50, 10, 20)
    );
    // Of 9 models two pairs differ in augmentation and two in learning rate, and there is one seed.
    assert_eq!(count("path"), 10 * (2 + 2 + 9 * 8 / 2));
    check_order(&landscape);
    // The errors of the ends are known from training, unless BatchNorm statistics are recomputed. A
    // network without BatchNorm has none.
    let whole = |wanted: &str| {
        let of =
            landscape.jobs.iter().filter(|job| job.label.starts_with(wanted) && job.spec.kind() == "path");
        of.map(|job| (job.cost.evaluations, job.cost.evaluated_images)).collect::<BTreeSet<_>>()
    };
    assert_eq!(whole("Shapes ResNet-pico"), BTreeSet::from([(5, 5 * (240 + 720)), (11, 11 * (240 + 720))]));
    assert_eq!(whole("Shapes DeiT-pico"), BTreeSet::from([(3, 3 * 240), (9, 9 * 240)]));
}

/// Returns the forecasts of a plan with their cost: evaluations and images.
fn forecasts<'a>(plan: &'a Plan, prefix: &str) -> Vec<(&'a str, u64, u64)> {
    let jobs = plan.jobs.iter().filter(|job| job.spec.kind() == "forecast" && job.label.starts_with(prefix));
    jobs.map(|job| (job.label.as_str(), job.cost.evaluations, job.cost.evaluated_images)).collect()
}

#[test]
fn a_filter_adds_a_forecast_and_changes_its_row_only() {
    let plain = demo(&[]);
    let plan = demo(&["method.1.max_distance=1.5", "method.1.select={kind='stock'}"]);
    check_order(&plan);
    assert_eq!(count(&plan, "forecast"), 10);
    // Distances need no images. Of 9 models, 8 are not the best, and may have a barrier to it. The
    // statistics of soups are averaged here.
    let (prefix, of_grid) = ("Shapes ResNet-pico: ", "Shapes ResNet-pico: forecast of grid");
    assert_eq!(forecasts(&plan, prefix), [(of_grid, 0, 0)]);
    let barriers = demo(&["method.1.max_distance=1.5", "method.2.max_barrier=0.1"]);
    assert_eq!(forecasts(&barriers, prefix), [(of_grid, 8, 8 * 240)]);
    for job in plan.jobs.iter().filter(|job| plain.job(&job.id).is_none()) {
        let kind = job.spec.kind();
        assert!(
            job.label.contains("Uniform Soup") || ["forecast", "verdict"].contains(&kind),
            "{}",
            job.label
        );
    }
    let jobs = &column(&plan, prefix).methods;
    let probe = |job: &Job| plan.job(job.start_of_runs().unwrap()).unwrap().spec.kind();
    let filtered = plan.job(&jobs[1].soup).unwrap();
    let forecast = plan.job(filtered.forecast().unwrap()).unwrap();
    assert_eq!(filtered.forecast(), jobs[1].forecast.as_ref());
    assert_eq!([filtered, forecast].map(probe), ["probe"; 2]);
    assert_eq!([filtered, forecast].map(Job::runs), [jobs[1].pool.as_slice(); 2]);
    // The other row of this pool is shown beside the forecast, and not filtered.
    let greedy = plan.job(&jobs[2].soup).unwrap();
    assert_eq!((jobs[2].forecast.as_ref(), greedy.forecast()), (jobs[1].forecast.as_ref(), None));
    assert_eq!((jobs[5].forecast.as_ref(), greedy.runs()), (None, jobs[2].pool.as_slice()));

    let all = demo(&["forecast.bn_images=100"]);
    let new: BTreeSet<_> = ids(&all).difference(&ids(&plain)).cloned().collect();
    assert_eq!((new.len(), all.jobs.len() - plain.jobs.len()), (20, 20));
    assert_eq!(forecasts(&all, prefix).len(), 2, "of grid and of fgg");
    let recomputed = demo(&["forecast.bn_images=100", "soup.bn=recalibrate"]);
    assert_eq!(forecasts(&recomputed, prefix)[0].2, 8 * (240 + 100));
    assert_eq!(forecasts(&recomputed, "Shapes DeiT-pico: ")[0].2, 8 * 240);
    let distances = demo(&["forecast.barrier=false"]);
    assert_eq!(forecasts(&distances, prefix)[0], (of_grid, 0, 0));
}

#[test]
fn another_metric_changes_only_the_rows_that_choose() {
    let (plain, other) = (demo(&[]), demo(&["soup.select_by=log-loss"]));
    for (before, after) in soups(&plain).1.iter().zip(soups(&other).1) {
        for (at, (before, after)) in before.methods.iter().zip(&after.methods).enumerate() {
            assert_eq!(before.soup == after.soup, at == 1, "row {at}, of which 1 is the uniform soup");
        }
    }
}

#[test]
fn single_models_that_are_no_rows_are_not_cross_fitted() {
    let plan = demo(&["grid.top_models=2"]);
    let folds = |id: &JobId| match &plan.job(id).unwrap().spec {
        JobSpec::Soup(spec) => spec.folds,
        _ => unreachable!("a single model is selected by a soup job"),
    };
    // The best one is also the first row.
    let singles = soups(&plan).1[0].singles.iter().map(|jobs| folds(&jobs.soup));
    assert_eq!(singles.collect::<Vec<_>>(), [Some(3), None]);
}

#[test]
fn figures_share_jobs_with_the_demo_table() {
    let (table, figures) = (demo(&[]), plan(read("figures/demo.toml", &[]).unwrap()));
    let shared = figures.jobs.iter().filter(|job| table.job(&job.id).is_some());
    let shared: BTreeSet<_> =
        shared.filter(|job| job.label.starts_with("Shapes")).map(|job| job.label.as_str()).collect();
    // A probe, one seed's grid, the cyclic runs, and three soups of them, each with predictions and
    // scores in and out of distribution.
    assert_eq!(shared.len(), 1 + 9 + 3 + 3 * 5, "{shared:?}");
    let curves = &soups(&figures).1[0].landscape.curves;
    let differ: Vec<_> = curves.iter().map(|path| path.differ.join("+")).collect();
    let expected = ["seed", "augmentation", "augmentation", "learning rate", "learning rate"];
    assert_eq!(differ, expected);
    assert_eq!(curves[0].ends, ["lr 3e-3 minimal seed 0", "lr 3e-3 minimal seed 1"]);
    assert_eq!(curves[2].ends, ["lr 3e-3 minimal seed 0", "lr 3e-3 heavy seed 0"]);
}

#[test]
fn only_predictions_of_soups_read_the_test_split() {
    let plan = demo(&[]);
    for job in plan.jobs.iter() {
        if let JobSpec::Predict { .. } = job.spec {
            let input = plan.job(&job.inputs[0]).unwrap();
            assert_eq!(input.spec.kind(), "soup", "{}", job.label);
            assert!(
                plan.jobs
                    .iter()
                    .all(|other| other.spec.kind() == "evaluate" || !other.inputs.contains(&job.id))
            );
        }
    }
}

#[test]
fn wrong_values_are_errors_with_their_key() {
    let error = |set: &[&str]| read("table1/demo.toml", set).unwrap_err().to_string();
    for (set, expected) in [
        (["grid.learning_rates=[]"], "grid.learning_rates: expected at least one entry"),
        (["dataset.name=same"], "dataset.name: expected names that differ, found `same` twice"),
        (["name=a/b"], "name: expected one that a folder can have"),
        (["dataset.0.name=../x"], "name: expected one that a folder can have"),
        (["method.4.select.by=rate"], "expected a field to group by"),
        (
            ["method.1.select={kind='ties',density=3}"],
            "`Uniform Soup`: select: merge method `ties`: density: expected a number above 0",
        ),
        (
            ["method.1.select={kind='rebasin'}"],
            "rebasin: expected a ResNet or VGG, found the backbone `DeiT-pico`",
        ),
        (["method.1.select={kind='learned',epochs=0}"], "expected at least 1 as `epochs`"),
        (
            ["method.1.select={kind='learned',epochs=9000000000000000000}"],
            "learned`: `epochs`: expected at most 1000000",
        ),
        (["method.1.select={kind='fisher',images=0}"], "images: expected at least 1, found 0"),
        (
            ["method.1.max_distance=-1"],
            "method `Uniform Soup`: max_distance: expected a finite number above 0, found -1",
        ),
        (["method.1.max_distance=0"], "max_distance: expected a finite number above 0, found 0"),
        (["method.1.max_distance=inf"], "max_distance: expected a finite number above 0, found inf"),
        (["method.2.max_barrier=nan"], "method `Greedy Soup`: max_barrier: expected a finite number, found"),
        (["grid.seeds=[1, 1]"], "grid.seeds: expected each value once, found 1 twice"),
        (["fgg.lr_max=nan"], "fgg.lr_max: expected a finite number"),
        (["run.resume_minutes=-1"], "run.resume_minutes"),
        (["finetune.epochs=0"], "finetune.epochs: expected at least 1"),
        (["finetune.epochs=4000000000"], "finetune.epochs: expected at most 1000000"),
        (["finetune.ema_decay=1"], "finetune.ema_decay: expected a number in [0, 1), found 1"),
        ([&LANDSCAPE[0].replace("'fgg'", "'ema'")], "pool: expected `grid`, `fgg`, `fgg-all` or `fgg-also`"),
        (["finetune.early_stopping_epochs=0"], "finetune.early_stopping_epochs: expected at least 1"),
        (["model.image_size=100000"], "model.image_size: expected at most 4096"),
        (["model.batch_size=10000000"], "model.batch_size: expected at most"),
        (["evaluation.resamples=1000000000"], "evaluation.resamples: expected at most 1000000"),
        (["run.workers=100000"], "run.workers: expected at most 4096"),
        (["run.cache_mib=18000000000000"], "run.cache_mib: expected at most"),
        (
            ["soup.folds=-1"],
            "--set soup.folds=-1: soup.folds: expected a whole number of 0 or more, found -1",
        ),
        (["model.precision=fp64"], "fp64"),
        (["grid.augmentations=['light']"], "light"),
        (["grid.samples=[]"], "grid.samples: expected at least one entry"),
        (["grid.samples=['all', 'all']"], "grid.samples: expected each value once, found all twice"),
        (["grid.samples=['boot']"], "grid.samples: expected one of all, bootstrap, balanced, found `boot`"),
        (["grid.train_sizes=[32, 32]"], "grid.train_sizes: expected each value once, found 32 twice"),
        (["grid.train_sizes=[0]"], "grid.train_sizes: resnet_pico: image size: expected at least 1 px"),
        (
            ["grid.train_sizes=[32, 16]"],
            "grid.train_sizes: deit_pico_patch4: image size: expected 32 px, the size that its position",
        ),
        (["backbone.weights=resnet50"], "a Hugging Face id (owner/name)"),
        (["method.0.paper_row=GoX"], "expected a name of FissionFusion's Table 1, found `GoX`"),
        (["finetune.epoch=1"], "hint: did you mean `epochs`?"),
        (["model.image_size=large"], "image_size"),
        (["landscape.grid.points=2"], "landscape.grid.points: expected at least 3, found 2"),
        (
            [&LANDSCAPE[0].replace("points=5", "points=2")],
            "landscape.grid.points: expected at least 3, found 2",
        ),
        ([&LANDSCAPE[0].replace("to=1.2", "to=-1")], "landscape.grid: expected from < to"),
        ([&LANDSCAPE[0].replace("'GoU'", "'GoX'")], "found `GoX`"),
        ([&LANDSCAPE[0].replace("'p'", "'a/b'")], "found `a/b`"),
        ([&LANDSCAPE[0].replace("soups", "soup")], "landscape.plane.soup: unknown key"),
        ([&LANDSCAPE[0].replace("'best'", "'named',models=['a','a','b']")], "found `a` twice"),
        ([&LANDSCAPE[0].replace("'best'", "'named',models=['a','b','c']")], "no model is named `a`"),
        (
            [&LANDSCAPE[1].replace("'each-field'", "'pairs',pairs=[['lr 3e-3 heavy seed 7','x']]")],
            "hint: the models are lr 3e-3",
        ),
        ([&LANDSCAPE[1].replace("'each-field'", "'pairs',pairs=[['a','a']]")], "found `a` twice"),
        (
            [&LANDSCAPE[1].replace("matrix_points=5", "matrix_points=0")],
            "connectivity.matrix_points: expected at least 3",
        ),
        ([&LANDSCAPE[2].replace("'GoG'", "'Uniform Soup'")], "(Greedy Soup, GoU, GoG), found `Uniform Soup`"),
    ] {
        let text = error(&set);
        assert!(text.contains(expected) && text.contains("demo.toml"), "{set:?}: {text}");
        assert!(!text.contains("line 0"), "{set:?}: {text}");
    }
    let text = error(&["method.1.max_barrier=0.1", "forecast.barrier=false"]);
    assert!(text.contains("max_barrier: expected `forecast.barrier` to be true, found false"), "{text}");
    let pruned = "method.1.select={kind='pruned'}";
    let text = error(&[pruned, &LANDSCAPE[2].replace("'GoG'", "'Uniform Soup'")]);
    assert!(
        text.contains("expected a greedy method of this table (Greedy Soup, GoU, GoG), found `U"),
        "{text}"
    );
}

#[test]
fn inmerge_methods_share_only_the_first_stage() {
    let plan = plan(read("inmerge-table2/demo.toml", &[]).unwrap());
    let (config, columns) = inmerge(&plan);
    let (datasets, seeds, methods) = (config.dataset.len(), config.seeds.len(), config.method.len());
    assert_eq!((columns.len(), seeds), (datasets, 5));
    assert_eq!(count(&plan, "finetune"), datasets * seeds * (1 + methods));
    assert_eq!((count(&plan, "pretrain"), count(&plan, "predict")), (1, datasets * seeds * methods));
    for column in columns {
        for (baseline, merged) in column.methods[0].iter().zip(&column.methods[1]) {
            let [baseline, merged] = [baseline, merged].map(|jobs| plan.job(&jobs.trained).unwrap());
            assert_eq!(baseline.inputs, merged.inputs);
            let [baseline, merged] = [baseline, merged].map(|job| job.spec.training().unwrap());
            assert_eq!((baseline.inmerge, merged.inmerge.is_some()), (None, true));
            assert_eq!((&baseline.train, &baseline.start), (&merged.train, &merged.start));
        }
    }
}

#[test]
fn sweep_points_at_the_defaults_are_one_run() {
    let ids = |name: &str| ids(&plan(read(name, &[]).unwrap()));
    let figure = plan(read("inmerge-fig2/demo.toml", &[]).unwrap());
    let (config, _) = inmerge(&figure);
    // 4 + 5 + 4 + 4 points, of which three are at the defaults; L_s = 2 is the network's own.
    assert_eq!(config.rows().len(), 2 + 17);
    let seeds = config.seeds.len();
    assert_eq!(count(&figure, "finetune"), seeds * (1 + 1 + 17 - 4 + 1));
    assert!(ids("inmerge-table1/demo.toml").is_subset(&ids("inmerge-fig2/demo.toml")));
    let vgg19 = |job: &&Job| job.label.contains("VGG19");
    let table = plan(read("inmerge-table1/paper.toml", &[]).unwrap());
    let of_vgg19: BTreeSet<_> = table.jobs.iter().filter(vgg19).map(|job| job.id.clone()).collect();
    assert!(!of_vgg19.is_empty() && of_vgg19.is_subset(&ids("inmerge-fig2/paper.toml")));
}

#[test]
fn the_papers_inmerge_tables_are_planned_without_data() {
    // The epochs in the headers of the configurations.
    for (name, expected) in [
        ("inmerge-table1", 3 * (30 + 10 + 10)),
        ("inmerge-table2", 4 * 5 * (20 + 5 + 5)),
        ("inmerge-fig2", 30 + 10 * (14 + 1)),
    ] {
        let plan = plan(read(&format!("{name}/paper.toml"), &[]).unwrap());
        assert_eq!(plan.jobs.iter().map(|job| job.cost.epochs).sum::<u64>(), expected, "{name}");
    }
    let plan = plan(read("inmerge-table1/paper.toml", &[]).unwrap());
    assert!(plan.missing()[0].contains("ChestX-ray14") && !plan.can_run());
    let (config, _) = inmerge(&plan);
    let shallow: Vec<_> = config.backbone.iter().map(|backbone| backbone.shallow_layers).collect();
    assert_eq!(shallow, [Some(10), Some(10), Some(30)]);
}

#[test]
fn wrong_inmerge_values_are_errors_with_their_key() {
    let error = |set: &[&str]| read("inmerge-fig2/demo.toml", set).unwrap_err().to_string();
    for (set, expected) in [
        ("backbone.shallow_layers=4", "expected fewer than the network's 4 convolutions, found 4"),
        ("sweep.0.values=[0, 9]", "method `L_s = 9`: backbone `VGG-pico`: shallow_layers"),
        ("inmerge.merge_probability=1.5", "merge_probability: expected a number in [0, 1], found 1.5"),
        ("inmerge.merge_weight=-0.5", "merge_weight: expected a number in [0, 1], found -0.5"),
        ("inmerge.similarity_threshold=2", "similarity_threshold: expected a number in [-1, 1], found 2"),
        ("backbone.architecture=deit_pico_patch4", "no convolutions"),
        ("seeds=[]", "seeds: expected at least one entry"),
        ("seeds=[1, 1]", "seeds: expected each value once, found 1 twice"),
        ("merging.schedule.patience_epochs=0", "merging.schedule.patience_epochs"),
        ("training.momentum=1", "training.momentum"),
        ("sweep.2.values=[]", "sweep over merge_weight"),
        ("method.1.paper_row=Ours", "expected a row of InMerge's tables, found `Ours`"),
        ("method.1.inmerge.alpha=1", "method.inmerge.alpha: unknown key"),
        ("kind=inmrge", "hint: did you mean `inmerge`?"),
        (
            "sweep.3.values=[0.1, 0.1]",
            "sweep over merge_probability: expected each value once, found 0.1 twice",
        ),
        ("pretrain.epochs=0", "pretrain.epochs: expected at least 1"),
        ("training.epochs=0", "training.epochs: expected at least 1"),
        (
            "dataset.paper_column=PathMNIST",
            "expected the metric accuracy of the paper's PathMNIST, found auroc",
        ),
        (
            "merging.schedule={kind='cyclic',lr_max=1,lr_min=0,epochs_per_cycle=2,phase=0}",
            "merging.schedule: `cyclic` is for Fast Geometric Generation only",
        ),
    ] {
        let text = error(&[set]);
        assert!(text.contains(expected) && text.contains("demo.toml"), "{set}: {text}");
    }
}

#[test]
fn an_ensemble_predicts_with_every_model_of_its_pool() {
    let plain = demo(&[]);
    let plan = demo(&["method.1.select.kind=ensemble", "method.5.select={kind='ensemble'}"]);
    check_order(&plan);
    let columns = soups(&plan).1;
    // Of FGG: three bases, and the snapshots of each cyclic run at 0.5, 2.5 and 4.5 epochs.
    for (method, models) in [(1, 9), (5, 3 * (1 + 3))] {
        let jobs = &columns[0].methods[method];
        let soup = plan.job(&jobs.soup).unwrap();
        assert_eq!((&soup.inputs, soup.cost.evaluations), (&jobs.pool, 0), "nothing is evaluated");
        let scored = plan.job(jobs.test.as_ref().unwrap()).unwrap();
        let predicted = plan.job(&scored.inputs[0]).unwrap();
        assert_eq!((&predicted.inputs[0], &predicted.inputs[1..]), (&jobs.soup, &jobs.pool[..]));
        assert_eq!(predicted.cost.evaluations, models);
        let once = plain.job(soups(&plain).1[0].methods[method].test.as_ref().unwrap()).unwrap();
        let once = plain.job(&once.inputs[0]).unwrap();
        assert_eq!(predicted.cost.evaluated_images, models * once.cost.evaluated_images);
    }
    let unchanged = ids(&plain).intersection(&ids(&plan)).count();
    assert_eq!(
        plain.jobs.len() - unchanged,
        columns.len() * (2 * 5 + 1),
        "two rows, a soup and two scores each, and the verdict"
    );
    // It has no weights to mark on a plane.
    let error = read("table1/demo.toml", &["method.5.select={kind='ensemble'}", LANDSCAPE[0]]).unwrap_err();
    let expected = "(GS (best), Uniform Soup, Greedy Soup, FGG (best), GoU), found `GoG`";
    assert!(error.to_string().contains(expected), "{error}");
}

/// Jobs in a runs folder are found by their identities, so these must not change without an entry
/// in the change log. Compares the identities of both demos, folded in their order.
#[test]
fn identities_are_stable() {
    for (name, set, jobs, folded) in [
        ("table1/demo.toml", &["soup.folds=0"][..], 432, 0x8422_367f_90b9_f859),
        ("table1/demo.toml", &[], 442, 0xb3c4_0815_9add_0a36),
        ("inmerge-table2/demo.toml", &[], 106, 0x41d0_5104_9ad1_0bb0),
    ] {
        let plan = plan(read(name, set).unwrap());
        let number = |job: &Job| u64::from_str_radix(&job.id, 16).unwrap();
        let found = plan.jobs.iter().fold(0u64, |folded, job| folded.rotate_left(1) ^ number(job));
        assert_eq!((plan.jobs.len(), found), (jobs, folded), "{name}");
    }
}

/// An empty file is FissionFusion's Table 1 (§3) with ResNet50 on images in class folders, except
/// that the BatchNorm statistics of soups are recomputed. A file with only `kind = "inmerge"` is
/// InMerge's (§3.1) with VGG19.
#[test]
fn defaults_are_the_papers() {
    let resolved = |text: &str| parse_experiment(text, &[]).unwrap().to_toml().unwrap();
    for (text, expected) in [
        (
            "",
            r#"
            name = "table"
            backbone = [{ name = "resnet50", architecture = "resnet50", weights = "timm/resnet50.a1_in1k" }]
            dataset = [{ name = "images", source = { kind = "folder", path = "." }, split = { kind = "official" } }]
            model = { image_size = 224, precision = "fp32", batch_size = 128, weight_decay = 0.01 }
            probe = { epochs = 10, learning_rate = 1e-3, augment = "minimal", seed = 9, update_bn_stats = false }
            finetune = { epochs = 50, select_by = "metric" }
            soup = { bn = "recalibrate", bn_images = 2048, folds = 3 }
            evaluation = { resamples = 1000, seed = 0 }
            [grid]
            learning_rates = [1e-3, 5e-4, 1e-4, 5e-5, 1e-5, 5e-6, 1e-6, 1e-7]
            augmentations = ["minimal", "medium", "heavy"]
            seeds = [0, 1]
            [fgg]
            learning_rates = [1e-3, 5e-4, 1e-4, 5e-5, 1e-5, 5e-6, 1e-6, 1e-7]
            augment = "heavy"
            seed = 0
            epochs = 17
            epochs_per_cycle = 4
            phase = 0.25
            lr_max = 1e-5
            lr_min = 1e-8
            carry_optimizer = true
            "#,
        ),
        (
            "kind = 'inmerge'",
            r#"
            kind = "inmerge"
            seeds = [0]
            backbone = [{ name = "vgg19", architecture = "vgg19", weights = "timm/vgg19.tv_in1k", shallow_layers = 10 }]
            model = { image_size = 224, precision = "fp32", batch_size = 324, weight_decay = 1e-4 }
            inmerge = { merge_weight = 0.8, merge_probability = 0.3, similarity_threshold = 0.3, pairs = "similar" }
            method = [{ name = "Baseline", paper_row = "Baseline" }, { name = "InMerge", inmerge = {}, paper_row = "InMerge" }]
            [training]
            epochs = 30
            augment = "flip"
            momentum = 0.9
            schedule = { kind = "reduce-on-plateau", lr = 0.01, factor = 0.1, patience_epochs = 8 }
            select_by = "metric"
            [merging]
            epochs = 10
            augment = "flip"
            momentum = 0.9
            schedule = { kind = "reduce-on-plateau", lr = 0.01, factor = 0.1, patience_epochs = 8 }
            select_by = "metric"
            "#,
        ),
    ] {
        // A file that writes the defaults out resolves to the same.
        assert_eq!(resolved(expected), resolved(text));
    }
}

#[test]
fn a_set_of_methods_stands_for_its_rows() {
    let table1 = ["GS (best)", "Uniform Soup", "Greedy Soup", "FGG (best)", "GoU", "GoG"];
    // Names of the rows, and how often their statistics are recomputed.
    let rows = |text: &str, set: &[&str]| {
        let set: Vec<String> = set.iter().map(|text| (*text).to_owned()).collect();
        let read = parse_experiment(text, &set).unwrap();
        let methods = &of_kind::<SoupsConfig>(&*read).method;
        let recalibrated = read.to_toml().unwrap().matches("recalibrate").count();
        (methods.iter().map(|row| row.name.clone()).collect::<Vec<_>>(), recalibrated)
    };
    let extra = "method = [{ name = 'Extra' }]\n";
    let with_extra = [&table1[..], &["Extra"]].concat();
    assert_eq!(rows(&format!("{extra}methods = 'table1'"), &[]).0, with_extra);
    assert_eq!(rows(extra, &["methods=table1"]).0, with_extra);
    // The rows of a file that names none give way to those of a set, which other overrides reach.
    let (names, recalibrated) = rows("", &["method.bn=recalibrate", "methods=table1"]);
    assert_eq!(names, table1);
    assert_eq!(recalibrated, rows("", &["method.bn=recalibrate"]).1);
}

#[test]
fn a_run_has_the_defaults_of_its_kind() {
    let run = |kind: &str| {
        let experiment = parse_experiment(&format!("kind = '{kind}'"), &[]).unwrap();
        toml::from_str::<toml::Table>(&experiment.to_toml().unwrap()).unwrap()
    };
    let epochs = |kind: &str| run(kind)["train"]["epochs"].as_integer().unwrap();
    assert_eq!(["pretrain", "probe", "finetune", "fgg"].map(epochs), [8, 10, 50, 17]);
    assert_eq!(run("probe")["train"]["trainable"]["kind"].as_str(), Some("classifier"));
    assert_eq!(run("fgg")["train"]["schedule"]["kind"].as_str(), Some("cyclic"));
    assert_eq!(run("pretrain")["model"]["weights"].as_str(), Some("random"));
}
