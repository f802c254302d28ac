//! End-to-end tests of the binaries: small networks, tiny images, real processes.

mod bad_images;
mod bad_input;
mod choosing;
mod command_lines;
mod crash;
mod damage;
mod ema;
mod ensemble;
mod forecast;
mod gpu_kit;
mod inmerge;
mod landscape;
mod merging;
mod models;
mod own_images;
mod own_models;
mod place;
mod published;
mod report;
mod results;
mod single_runs;
mod slurm;
mod table;
mod timm;
mod trust;
mod watching;
