//! All three services in one process, for one small box, and the model manager.
//!
//! # Layout
//! - [`house`]: starts the three services and joins them
//! - [`cli`]: the command line
//! - [`doctor`]: `evervoice doctor`: tries each part by itself
//! - [`models`]: `evervoice models`: lists, downloads and checks models

pub mod cli;
pub mod doctor;
pub mod house;
pub mod models;

pub use house::{House, HouseSettings};
