//! A list of names and texts, kept as one text: a row for each, the name before the first blank.
//!
//! In WebAssembly an array of texts has two addresses and two lengths a row beside the texts themselves, and
//! they hardly compress.

use crate::text::{LINE, Part, SPACE, Text};

/// Writes a table: a name, a text, and so on.
macro_rules! table {
    ($($name:literal $text:literal)*) => {
        $crate::table::Table(concat!($($name, " ", $text, "\n"),*))
    };
}
pub(crate) use table;

/// Names and texts.
pub(crate) struct Table(pub(crate) &'static str);

impl Table {
    #[inline(never)]
    fn row(&self, number: usize) -> Part {
        let text = Text(self.0);
        let mut rest = text.all();
        for _ in 0..number {
            rest = rest.after(text.until(rest, LINE)).skip(1);
        }
        text.until(rest, LINE)
    }

    /// The name in a row, counted from 0; empty when there is no such row.
    pub(crate) fn name(&self, number: usize) -> &'static str {
        let text = Text(self.0);
        text.str(text.until(self.row(number), SPACE))
    }

    /// The text in a row, counted from 0; empty when there is no such row.
    pub(crate) fn text(&self, number: usize) -> &'static str {
        let text = Text(self.0);
        let row = self.row(number);
        text.str(row.after(text.until(row, SPACE)).skip(1))
    }
}

#[cfg(test)]
mod tests {
    const TABLE: super::Table = table! { "one" "Just one." "two" "And two." };

    #[test]
    fn rows_are_counted_from_nought_and_there_are_no_others() {
        assert_eq!((TABLE.name(0), TABLE.text(0)), ("one", "Just one."));
        assert_eq!((TABLE.name(1), TABLE.text(1)), ("two", "And two."));
        assert_eq!((TABLE.name(2), TABLE.text(2)), ("", ""));
    }
}
