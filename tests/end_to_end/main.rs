//! The binaries as a user meets them: pico networks, tiny images, real processes.

mod bad_images;
mod bad_input;
mod command_lines;
mod crash;
mod damage;
mod landscape;
mod merging;
mod own_images;
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
