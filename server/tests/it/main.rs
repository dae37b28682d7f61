//! The server from outside: its HTTP interface, its store, its process.

mod access;
mod audit;
mod connections;
mod credentials;
mod dashboard;
mod errors;
mod framing;
mod harness;
mod health;
mod integrations;
mod limits;
mod memory;
mod metrics;
mod moving;
mod openapi;
mod pages;
mod postgres;
mod process;
mod proxy;
mod public_key;
mod secret_keys;
mod sessions;
mod store;
mod store_model;
mod upstream;
mod webhooks;
