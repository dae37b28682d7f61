//! The server from outside: its HTTP interface, its store, its process.

mod access;
mod connections;
mod credentials;
mod dashboard;
mod errors;
mod harness;
mod integrations;
mod pages;
mod process;
mod sessions;
mod store;
