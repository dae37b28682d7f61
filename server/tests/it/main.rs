//! The server from outside: its HTTP interface, its store, its process.

mod access;
mod connections;
mod credentials;
mod dashboard;
mod errors;
mod harness;
mod health;
mod integrations;
mod limits;
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
