//! The gateway against neighbours that misbehave. With its real neighbours: `services/evervoice/tests`.

mod failures;
mod harness;
mod passing;
mod process;
mod relay;
mod silence;
