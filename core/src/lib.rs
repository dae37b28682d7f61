//! What Keyslot knows without a browser, a network or a disk.
//!
//! Ids, the fields of a form, what a pasted text says about itself, how the dialog behaves, which
//! errors exist. The widget draws it, the server enforces it, and neither can disagree with the
//! other because both read it here.
//!
//! Not here: DOM, `fetch`, storage, cryptography. The crate's dependency list keeps it that way:
//! `cargo tree -p keyslot-core -e normal` names neither `wasm-bindgen` nor `tokio`.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable
    )
)]

extern crate alloc;

pub mod advice;
pub mod auth_mode;
pub mod contrast;
pub mod dialog;
pub mod error;
pub mod failure;
pub mod form;
pub mod id;
pub mod json;
mod table;
pub mod text;
pub mod wire;
pub mod words;
