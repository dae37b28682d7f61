//! Answers that say whether something was changed.

/// The answer of a method that may change something. Its audit event is written when it did.
pub(crate) trait Outcome {
    /// Whether something was changed.
    fn has_changed(&self) -> bool;
}

/// A change that does not depend on what is there.
impl Outcome for () {
    fn has_changed(&self) -> bool {
        true
    }
}

impl Outcome for bool {
    fn has_changed(&self) -> bool {
        *self
    }
}

impl<T> Outcome for Option<T> {
    fn has_changed(&self) -> bool {
        self.is_some()
    }
}
