//! Power loss, replayed. `recorder.c` writes down what a server does to its files and what it sends to
//! its clients, in one order ([`recording`]). From that follows, for each moment, everything a disk may
//! hold if the power fails there ([`disk`]), and what had been acknowledged by then ([`promises`]).
//!
//! The model of a disk is the weakest that POSIX allows and SQLite assumes: what was written is there for
//! certain only after a sync of that file that began later and ended; before that, any of it may be there,
//! in any order, torn at 512 bytes. A name is there for certain after a sync of its folder. Not in the
//! model: disks that lie about a sync, and bits that rot.

pub mod disk;
pub mod promises;
pub mod recording;
