//! Figures of errors between a column's models, and their numbers.

use std::path::PathBuf;

use ff_eval::{Metric, Roughness};
use ff_report::{Axis, Heatmap, LinePlot, Mark, Plot, Point, Series, Surface, csv};
use itertools::Itertools;
use serde::Serialize;

use super::coefficients::{coefficients, heatmap};
use super::columns::{PathJob, SoupsColumn, SoupsTable};
use super::landscape_config::{LandscapeConfig, PlaneConfig};
use crate::error::Error;
use crate::job::{BnStatistics, GreedyBarrier, JobId, JobOutput, PathRecord, SurfaceRecord};
use crate::plan::{ColumnHead, Records};
use crate::results::{place, write_text};

impl SoupsTable {
    /// Writes the figures and numbers of each column from the records that exist.
    ///
    /// - `surface-<plane>` (SVG, CSV, JSON): the errors on a plane; `surfaces.csv`: their roughness
    /// - `connectivity-<field>` (SVG, CSV): the errors on paths
    /// - `barriers` (SVG, CSV): the matrix of all pairs; `paths.csv`: barrier and distance of each
    ///   path
    /// - `greedy-barriers-<method>` (SVG, CSV, JSON): the barriers to the candidates of a greedy
    ///   soup
    /// - `coefficients-<method>` (SVG, CSV): the coefficients of a learned soup
    pub(super) fn draw_landscapes(&self, records: Records<'_>) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        for column in self.columns.iter().filter(|column| column.head.blocked.is_none()) {
            let folder = place(records, self.columns.len(), &column.head);
            let Album { plots, texts, .. } = self.album(column, records)?;
            for (name, plot) in plots {
                let svg = plot.to_svg().map_err(|error| Error::Job(error.to_string()))?;
                files.push(write_text(&folder, &format!("{name}.svg"), &svg)?);
                // The numbers of greedy barriers are among the texts.
                if !texts.iter().any(|(other, _)| *other == format!("{name}.csv")) {
                    files.push(write_text(&folder, &format!("{name}.csv"), &plot.to_csv())?);
                }
            }
            for (name, text) in texts {
                files.push(write_text(&folder, &name, &text)?);
            }
        }
        Ok(files)
    }

    /// Returns the barriers to the candidates of a method's soup; empty if they were not evaluated.
    pub(super) fn greedy_barriers(
        &self,
        column: &SoupsColumn,
        method: &str,
        records: Records<'_>,
    ) -> Result<Vec<GreedyBarrier>, Error> {
        let methods = self.config.greedy_barriers.iter().flat_map(|section| &section.methods);
        let mut jobs = methods.zip(&column.landscape.greedy_barriers);
        let Some((_, job)) = jobs.find(|(name, _)| *name == method) else { return Ok(Vec::new()) };
        Ok(match records.output(job)? {
            Some(JobOutput::GreedyBarriers(greedy_barriers)) => greedy_barriers,
            _ => Vec::new(),
        })
    }

    /// Collects the figures of a column from the records that exist.
    pub(super) fn album<'a>(&self, column: &SoupsColumn, records: Records<'a>) -> Result<Album<'a>, Error> {
        let (config, ColumnHead { backbone, dataset, .. }) = (&self.config, &column.head);
        let mut album = Album {
            records,
            title: format!("{}, {}", dataset.name, backbone.name),
            error: match dataset.metric {
                Metric::LogLoss => "log loss on validation".to_owned(),
                metric => format!("validation error, 1 − {}", metric.title()),
            },
            plots: Vec::new(),
            texts: Vec::new(),
        };
        if let Some(section) = &config.landscape {
            album.surfaces(section, &column.landscape.surfaces)?;
        }
        album.curves(&column.landscape.curves)?;
        let names = config.grid_runs().into_iter().map(|(run, _)| run.name()).collect();
        album.matrix(names, &column.landscape.matrix)?;
        album.paths(column.landscape.curves.iter().chain(&column.landscape.matrix))?;
        for method in config.greedy_barriers.iter().flat_map(|section| &section.methods) {
            album.greedy_barriers(method, self.greedy_barriers(column, method, records)?)?;
        }
        for (method, jobs) in config.method.iter().zip(&column.methods) {
            let Some(record) = records.of(&jobs.soup)? else { continue };
            if let Some(found) = coefficients(&record.soup()?.soup) {
                let title = format!("{}: coefficients of {}", album.title, method.name);
                album.plot(&format!("coefficients-{}", slug(&method.name)), heatmap(&title, &found));
            }
        }
        Ok(album)
    }
}

/// The figures of one column, and its further files, each with its name.
pub(super) struct Album<'a> {
    records: Records<'a>,
    title: String,
    error: String,
    pub plots: Vec<(String, Plot)>,
    texts: Vec<(String, String)>,
}

#[derive(Serialize)]
struct SurfaceLine<'a> {
    plane: &'a str,
    local_minima: usize,
    mean_second_difference: Option<f64>,
    undefined: usize,
    /// ‖u‖ and ‖v‖.
    length_x: f64,
    length_y: f64,
}

#[derive(Serialize)]
struct PathLine<'a> {
    a: &'a str,
    b: &'a str,
    differ_in: String,
    points: usize,
    barrier: f64,
    distance: f64,
}

#[derive(Serialize)]
struct StepLine<'a> {
    group: &'a str,
    candidate: &'a str,
    alone: Option<f64>,
    before: Option<f64>,
    with: f64,
    taken: bool,
    barrier: f64,
    distance: f64,
    relative_distance: Option<f64>,
}

impl Album<'_> {
    fn path(&self, job: &PathJob) -> Result<Option<PathRecord>, Error> {
        Ok(match self.records.output(&job.job)? {
            Some(JobOutput::Path(path)) => Some(path),
            _ => None, // not done yet, or an end diverged
        })
    }

    /// Adds a plot, unless it has no points.
    fn plot(&mut self, name: &str, plot: Plot) {
        if !plot.is_empty() {
            self.plots.push((name.to_owned(), plot));
        }
    }

    fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Error::Job(error.to_string()))?;
        self.texts.push((format!("{name}.json"), text + "\n"));
        Ok(())
    }

    fn csv(&mut self, name: &str, lines: &[impl Serialize]) {
        if !lines.is_empty() {
            self.texts.push((format!("{name}.csv"), csv(lines)));
        }
    }

    fn surfaces(&mut self, section: &LandscapeConfig, jobs: &[JobId]) -> Result<(), Error> {
        let mut lines = Vec::new();
        for (plane, job) in section.plane.iter().zip(jobs) {
            let Some(JobOutput::Surface(surface)) = self.records.output(job)? else { continue };
            let Roughness { local_minima, second_difference: mean_second_difference, undefined } =
                surface.roughness;
            let ([length_x, length_y], name) = (surface.plane.lengths, plane.name.as_str());
            lines.push(SurfaceLine {
                plane: name,
                local_minima,
                mean_second_difference,
                undefined,
                length_x,
                length_y,
            });
            let name = format!("surface-{name}");
            self.plot(&name, Plot::Surface(self.surface(plane, section.bn, &surface)));
            self.json(&name, &surface)?;
        }
        self.csv("surfaces", &lines);
        Ok(())
    }

    /// Draws a surface. Both axes are L2 distances, so that the figure is true to scale.
    fn surface(&self, plane: &PlaneConfig, bn: BnStatistics, surface: &SurfaceRecord) -> Surface {
        let [along, across] = surface.plane.lengths;
        let corners = surface.plane.corners.iter().zip(["w0", "w2", "w1"]).map(|(corner, role)| {
            let error = corner.error.map_or(String::new(), |error| format!(", {error:.4}"));
            Mark {
                name: format!("{role}: {}{error}", corner.model),
                x: corner.x * along,
                y: corner.y * across,
            }
        });
        let soups = surface.soups.iter().zip(&plane.soups).map(|(soup, method)| Mark {
            name: format!("{method}, {:.4}: {:.3} off the plane", soup.error, soup.height),
            x: soup.x * along,
            y: soup.y * across,
        });
        let Roughness { local_minima, second_difference, undefined } = surface.roughness;
        let mut notes = vec![
            format!("‖w2 − w0‖ = {along:.3}, height of w1 {across:.3}"),
            format!("{local_minima} local minim{}", if local_minima == 1 { "um" } else { "a" }),
        ];
        notes.extend(second_difference.map(|mean| format!("mean |second difference| {mean:.5}")));
        if undefined > 0 {
            notes.push(format!("grey: no finite output at {undefined} points"));
        }
        if bn == BnStatistics::Recalibrate {
            notes.push("BatchNorm statistics recomputed at each point;".into());
            notes.push("errors above: with the models' own statistics".into());
        }
        let places = surface.axis.places();
        Surface {
            title: format!("{}: the plane `{}`", self.title, plane.name),
            x_label: "along w2 − w0, L2 distance of weights".into(),
            y_label: "across it".into(),
            value_label: self.error.clone(),
            x: places.iter().map(|x| x * along).collect(),
            y: places.iter().map(|y| y * across).collect(),
            values: surface.errors.clone(),
            marks: corners.chain(soups).collect(),
            notes,
        }
    }

    /// Adds a figure for each combination of fields in which the ends differ.
    fn curves(&mut self, jobs: &[PathJob]) -> Result<(), Error> {
        let mut kinds: Vec<(String, Vec<(&PathJob, PathRecord)>)> = Vec::new();
        for job in jobs {
            let Some(path) = self.path(job)? else { continue };
            let kind = job.differ.join(" and ");
            match kinds.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, paths)) => paths.push((job, path)),
                None => kinds.push((kind, vec![(job, path)])),
            }
        }
        for (kind, paths) in kinds {
            let lambdas = paths[0].1.lambdas.clone();
            let series = paths.into_iter().map(|(PathJob { ends: [a, b], .. }, path)| Series {
                name: format!("{b} → {a}: barrier {:.4}", path.barrier),
                points: path.errors.iter().map(|&y| Some(Point { y, low: None, high: None })).collect(),
                emphasis: false,
            });
            let figure = LinePlot {
                joined: true,
                title: format!("{}: between models that differ in {kind}", self.title),
                x_label: "λ, from the model named first to the second".into(),
                y_label: self.error.clone(),
                series: series.collect(),
                x: Axis::Numbers(lambdas),
                references: Vec::new(),
            };
            self.plot(&format!("connectivity-{}", slug(&kind)), Plot::Lines(figure));
        }
        Ok(())
    }

    fn matrix(&mut self, names: Vec<String>, jobs: &[PathJob]) -> Result<(), Error> {
        let at = |name: &str| names.iter().position(|other| other == name).expect("a model of the grid");
        let mut values = vec![vec![None; names.len()]; names.len()];
        for job in jobs {
            let [a, b] = job.ends.each_ref().map(|name| at(name));
            let barrier = self.path(job)?.map(|path| path.barrier);
            (values[a][b], values[b][a]) = (barrier, barrier);
        }
        let heat = Heatmap {
            title: format!("{}: barriers between all pairs", self.title),
            value_label: self.error.replace("error", "error above the interpolation of the ends"),
            columns: names.clone(),
            rows: names,
            values,
        };
        self.plot("barriers", Plot::Heatmap(heat));
        Ok(())
    }

    fn paths<'j>(&mut self, jobs: impl Iterator<Item = &'j PathJob>) -> Result<(), Error> {
        let mut lines = Vec::new();
        for job in jobs {
            let Some(PathRecord { lambdas, barrier, distance, .. }) = self.path(job)? else { continue };
            let [a, b] = job.ends.each_ref().map(String::as_str);
            let (differ_in, points) = (job.differ.join(" and "), lambdas.len());
            lines.push(PathLine { a, b, differ_in, points, barrier, distance });
        }
        self.csv("paths", &lines);
        Ok(())
    }

    fn greedy_barriers(&mut self, method: &str, greedy_barriers: Vec<GreedyBarrier>) -> Result<(), Error> {
        if greedy_barriers.is_empty() {
            return Ok(());
        }
        let name = format!("greedy-barriers-{}", slug(method));
        self.json(&name, &greedy_barriers)?;
        let lines = greedy_barriers.iter().map(|step| StepLine {
            group: &step.decision.group,
            candidate: &step.decision.candidate,
            alone: step.decision.alone,
            before: step.decision.before,
            with: step.with,
            taken: step.decision.taken,
            barrier: step.path.barrier,
            distance: step.path.distance,
            relative_distance: step.relative_distance,
        });
        self.csv(&name, &lines.collect_vec());
        let of = |(name, taken): (&str, bool)| {
            let point = |step: &GreedyBarrier| Point { y: step.path.barrier, low: None, high: None };
            let points =
                greedy_barriers.iter().map(|step| (step.decision.taken == taken).then(|| point(step)));
            let points = points.collect_vec();
            let some = points.iter().any(Option::is_some);
            some.then(|| Series { name: name.to_owned(), points, emphasis: taken })
        };
        let figure = LinePlot {
            joined: false,
            title: format!("{}: candidates of {method}", self.title),
            x_label: "candidate, in the order of evaluation".into(),
            y_label: format!(
                "barrier to the soup before the candidate, {}",
                self.error.trim_start_matches("validation error, ")
            ),
            x: Axis::Categories(greedy_barriers.iter().map(|step| step.decision.candidate.clone()).collect()),
            series: [("refused", false), ("taken", true)].into_iter().filter_map(of).collect(),
            references: Vec::new(),
        };
        self.plot(&name, Plot::Lines(figure));
        Ok(())
    }
}

/// Turns a name into one for a file: lower-case letters, digits and `-`.
fn slug(name: &str) -> String {
    let plain = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    plain.split('-').filter(|part| !part.is_empty()).join("-")
}
