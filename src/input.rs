//! What a session is told: by the person, by the page, and by its own requests.

use crate::transport::{Loaded, Trouble};
use keyslot_core::advice::Repair;
use keyslot_core::dialog::{Connection, Event};
use keyslot_core::form::Value;

/// What the session's loop reacts to.
pub(crate) enum Input {
    /// Something the state machine knows.
    Dialog(Event),
    /// What a person did.
    Ui(Ui),
    /// The form arrived.
    Loaded(Loaded),
    /// The server stored the connection.
    Stored(Connection),
    /// The request under way came to nothing.
    Failed(Trouble),
}

/// What a person did with one field or button.
pub(crate) enum Ui {
    /// A paste was repaired: what it was, what it became.
    Pasted(usize, Value, Repair),
    /// A button or a field reported.
    Did(Signal),
}

/// What buttons and fields report; the number is the field's place in the form.
#[derive(Clone, Copy)]
pub(crate) enum Signal {
    /// The button in a note: take a repair back, or accept the one that is offered.
    Note(usize),
    /// The field was left, or filled in one go.
    Left(usize),
    /// A paste that was left to the browser is in the box.
    Inserted(usize),
    /// The person typed.
    Edited(usize),
    /// Show or Hide.
    Toggle(usize),
    /// The primary button, or Enter.
    Primary,
    /// "Save without checking".
    Unchecked,
    /// The backdrop was clicked.
    Outside,
    /// Escape, the close button, "Done", Android's back gesture.
    Dismissed,
    /// "Copy" beside the reference.
    Copy,
    /// The network is back.
    Online,
    /// The page goes away; nothing may stay behind.
    Leaving,
}
