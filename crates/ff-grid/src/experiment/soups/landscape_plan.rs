//! The jobs that evaluate errors between the models of a column.
//!
//! Each row of a plane and each path is a job, so that workers share them and an interrupted run
//! keeps the finished ones. The coordinates of a plane's three models are a job of their own: three
//! models on a line then fail once, and not in every row.

use ff_eval::Metric;
use itertools::Itertools;

use super::columns::{LandscapeJobs, MethodJobs, PathJob};
use super::config::{FIELDS, GridRun, SoupConfig, SoupsConfig};
use super::landscape_config::{Curves, LandscapeConfig, PlaneConfig};
use super::pools::Pools;
use crate::config::DatasetEntry;
use crate::job::{
    BnStatistics, Cost, ErrorEvaluation, JobId, JobSpec, PathSpec, PlaneSpec, RowSpec, SurfaceSpec,
};
use crate::plan::{ColumnBase, Graph};

/// Specifies how errors are evaluated, with the BatchNorm statistics of a section.
pub(super) fn evaluation(
    shared: &ColumnBase,
    metric: Metric,
    soup: &SoupConfig,
    batch_size: usize,
) -> ErrorEvaluation {
    let recalibrate = soup.bn == BnStatistics::Recalibrate && shared.spec.architecture.batch_norm;
    ErrorEvaluation {
        model: shared.spec,
        data: shared.identity.clone(),
        metric,
        recalibrate: recalibrate.then_some(batch_size),
        bn_images: soup.bn_images().filter(|_| recalibrate),
    }
}

/// Estimates the cost of evaluating a number of sets of weights.
pub(super) fn cost(shared: &ColumnBase, evaluation: &ErrorEvaluation, evaluations: usize) -> Cost {
    let [train, val, _] = shared.sizes;
    let most = evaluation.bn_images.map_or(train, |images| train.min(images as u64));
    let images = val + evaluation.recalibrate.map_or(0, |_| most);
    let evaluations = evaluations as u64;
    Cost { evaluations, evaluated_images: evaluations * images, ..Cost::default() }
}

/// Plans the landscape jobs of a column.
pub(super) struct LandscapeBuilder<'a, 'g> {
    pub config: &'a SoupsConfig,
    /// The grid's runs.
    pub runs: &'a [GridRun],
    pub graph: &'a mut Graph<'g>,
    pub shared: &'a ColumnBase,
    pub dataset: &'a DatasetEntry,
    pub pools: &'a Pools,
    pub methods: &'a [MethodJobs],
}

impl LandscapeBuilder<'_, '_> {
    /// Plans the jobs of the configuration's sections.
    pub fn jobs(mut self) -> LandscapeJobs {
        let mut jobs = LandscapeJobs::default();
        if let Some(section) = &self.config.landscape {
            jobs.surfaces = section.plane.iter().map(|plane| self.surface(section, plane)).collect();
        }
        if let Some(section) = &self.config.connectivity {
            let bn = section.bn.unwrap_or(self.config.soup.bn);
            let pairs = self.pairs(&section.curves);
            jobs.curves = pairs.into_iter().map(|pair| self.path(pair, section.points, bn)).collect();
            if let Some(points) = section.matrix_points {
                let pairs = (0..self.pools.grid.len()).array_combinations();
                jobs.matrix = pairs.map(|[a, b]| self.path((a, b), points, bn)).collect();
            }
        }
        if let Some(section) = &self.config.greedy_barriers {
            jobs.greedy_barriers =
                section.methods.iter().map(|method| self.greedy_barriers(method, section.points)).collect();
        }
        jobs
    }

    fn evaluation(&self, bn: BnStatistics) -> ErrorEvaluation {
        let soup = SoupConfig { bn, ..self.config.soup.clone() };
        evaluation(self.shared, self.dataset.metric, &soup, self.config.model.batch_size)
    }

    fn cost(&self, evaluation: &ErrorEvaluation, evaluations: usize) -> Cost {
        cost(self.shared, evaluation, evaluations)
    }

    fn add(&mut self, label: String, spec: JobSpec, inputs: Vec<JobId>, cost: Cost) -> JobId {
        let label = format!("{}: {label}", self.shared.prefix);
        self.graph.add(self.shared, label, spec, inputs, cost, None)
    }

    fn surface(&mut self, section: &LandscapeConfig, plane: &PlaneConfig) -> JobId {
        let (pool, axis, model) = (self.pools.of(&plane.pool), section.grid, self.shared.spec);
        let label = format!("plane {}", plane.name);
        let spec = JobSpec::Plane(PlaneSpec { model, models: plane.models.clone() });
        let id = self.add(label.clone(), spec, pool.clone(), Cost::default());
        let of_plane: Vec<JobId> = [id].into_iter().chain(pool).collect();
        let evaluation = self.evaluation(section.bn);
        let rows: Vec<JobId> = (0..axis.points)
            .map(|row| {
                let cost = self.cost(&evaluation, axis.points);
                let spec = JobSpec::PlaneRow(RowSpec { evaluation: evaluation.clone(), axis, row });
                let label = format!("{label}, row {} of {}", row + 1, axis.points);
                self.add(label, spec, of_plane.clone(), cost)
            })
            .collect();
        let soups = plane.soups.iter().map(|name| self.methods[self.place(name)].soup.clone());
        let inputs = of_plane.into_iter().chain(soups).chain(rows).collect();
        let spec = JobSpec::Surface(SurfaceSpec { model, axis });
        self.add(format!("{label}, whole"), spec, inputs, Cost::default())
    }

    /// Returns the pairs of the grid's models that are drawn, by their index in the pool.
    fn pairs(&self, curves: &Curves) -> Vec<(usize, usize)> {
        let runs = self.runs;
        let named =
            |name: &String| runs.iter().position(|(run, _)| run.name() == *name).expect("names are checked");
        match curves {
            Curves::Pairs { pairs } => pairs.iter().map(|[a, b]| (named(a), named(b))).collect(),
            Curves::EachField { at } => {
                let common = at.as_ref().map_or([0; FIELDS.len()], |name| runs[named(name)].1);
                let place =
                    |values: [usize; FIELDS.len()]| runs.iter().position(|(_, other)| *other == values);
                let mut pairs = Vec::new();
                for field in 0..FIELDS.len() {
                    let with = |value| {
                        let mut values = common;
                        values[field] = value;
                        place(values)
                    };
                    let first = with(0).expect("the grid has its first values");
                    pairs.extend((1..).map_while(with).map(|other| (first, other)));
                }
                pairs
            }
        }
    }

    fn path(&mut self, (a, b): (usize, usize), points: usize, bn: BnStatistics) -> PathJob {
        let [(a_name, of_a), (b_name, of_b)] =
            [a, b].map(|at| self.runs[at]).map(|(run, at)| (run.name(), at));
        let differ = (0..FIELDS.len()).filter(|&at| of_a[at] != of_b[at]).map(|at| FIELDS[at]).collect();
        let evaluation = self.evaluation(bn);
        // The errors of the ends are known from training, unless statistics are recomputed.
        let evaluations = if evaluation.recalibrate.is_some() { points } else { points - 2 };
        let cost = self.cost(&evaluation, evaluations);
        let inputs = [a, b].map(|at| self.pools.grid[at].clone()).to_vec();
        let spec = JobSpec::Path(PathSpec { evaluation, points });
        let job = self.add(format!("path of {points} points from {b_name} to {a_name}"), spec, inputs, cost);
        PathJob { ends: [a_name, b_name], differ, job }
    }

    fn greedy_barriers(&mut self, method: &str, points: usize) -> JobId {
        let at = self.place(method);
        let (jobs, evaluation) =
            (&self.methods[at], self.evaluation(self.config.method[at].bn.unwrap_or(self.config.soup.bn)));
        // An upper bound: the number of candidates is known only after the selection.
        let greedy_barriers = self.graph.cost(&jobs.soup).evaluations as usize;
        let places = if evaluation.recalibrate.is_some() { points + 1 } else { points - 1 };
        let cost = self.cost(&evaluation, greedy_barriers * places);
        let start = self.pools.start(&self.config.method[at].pool);
        let inputs = std::iter::once(&jobs.soup).chain(start).chain(&jobs.pool).cloned().collect();
        let spec = JobSpec::GreedyBarriers(PathSpec { evaluation, points });
        self.add(format!("barriers of {method}"), spec, inputs, cost)
    }

    /// Returns a method's index in the table.
    fn place(&self, name: &str) -> usize {
        self.config.method.iter().position(|of| of.name == name).expect("methods are checked")
    }
}
