//! From records to what people read.

mod card;
mod files;
mod inmerge;
mod landscape;
mod read;
mod report;
mod soups;
mod timm;
mod write;

pub use report::{Source, report};
pub use write::{Results, render, write_results};
