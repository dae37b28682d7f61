//! Integration and connection ids: which characters and lengths they may have.
//!
//! The sets are those of the Nango wire, so that an id made by either side works on the other.

/// The longest id, in characters (all allowed characters are ASCII, so also in bytes).
pub const MAX_LEN: usize = 255;

/// What is wrong with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdFault {
    /// No characters at all.
    Empty,
    /// More than [`MAX_LEN`] characters.
    TooLong,
    /// A character outside the allowed set.
    Character(char),
}

/// Checks an integration id (`unique_key`, `providerConfigKey`): letters, digits, `~:.@ _-`, 1 to 255.
///
/// # Errors
/// The first [`IdFault`] found.
pub fn check_integration(id: &str) -> Result<(), IdFault> {
    check(id, b"~:.@ _-")
}

/// Checks a connection id: letters, digits and ``,.;:=+~[]|@${}"'\/_ -``, 1 to 255.
///
/// # Errors
/// The first [`IdFault`] found.
pub fn check_connection(id: &str) -> Result<(), IdFault> {
    check(id, b",.;:=+~[]|@${}\"'\\/_ -")
}

fn check(id: &str, extra: &[u8]) -> Result<(), IdFault> {
    if id.is_empty() {
        return Err(IdFault::Empty);
    }
    if id.len() > MAX_LEN {
        return Err(IdFault::TooLong);
    }
    let stranger = id
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !extra.iter().any(|e| char::from(*e) == *c));
    stranger.map_or(Ok(()), |c| Err(IdFault::Character(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_s_own_examples_pass() {
        for id in ["freshdesk-prod", "a b", "x~:.@_-", "0"] {
            assert_eq!(check_integration(id), Ok(()), "{id}");
        }
        for id in ["user@example.com", "a/b\\c", "{\"$\"}", "x y"] {
            assert_eq!(check_connection(id), Ok(()), "{id}");
        }
    }

    #[test]
    fn each_fault_is_named() {
        assert_eq!(check_integration(""), Err(IdFault::Empty));
        assert_eq!(check_integration("a/b"), Err(IdFault::Character('/')));
        assert_eq!(check_connection("<"), Err(IdFault::Character('<')));
        assert_eq!(check_connection("ä"), Err(IdFault::Character('ä')));
        assert_eq!(check_connection(&"a".repeat(255)), Ok(()));
        assert_eq!(check_connection(&"a".repeat(256)), Err(IdFault::TooLong));
    }
}
