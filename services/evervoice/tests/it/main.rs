//! The whole house through real sockets: the three services in one process, and the process itself.

mod doctor;
mod echo;
mod harness;
mod house;
mod models;
mod monitoring;
mod process;
mod resume;
