//! Under construction.
extern crate alloc;

pub mod advice;
pub mod contrast;
