//! The server from outside: its HTTP interface, its store, its process.

mod access;
mod connections;
mod credentials;
mod errors;
mod harness;
mod health;
mod integrations;
mod openapi;
mod pages;
mod process;
mod proxy;
mod public_key;
mod sessions;
mod store;
mod upstream;
mod webhooks;
