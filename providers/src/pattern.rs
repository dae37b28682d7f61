//! Field patterns, with the meaning that browsers give them.
//!
//! A pattern is written for JavaScript's `RegExp` without flags, and the widget runs it there. The
//! server must not give another verdict, so the pattern is rewritten where the `regex` crate means
//! something else: `\d`, `\w`, `\s` and `\b` are ASCII (`\s` with JavaScript's own list), `.` stops
//! at four line ends, and `[`, `&&`, `--`, `~~` inside a class are plain characters. Look-around
//! and back-references do not exist here; such a pattern is left to the browser.
//!
//! Source: ECMA-262 §22.2 (<https://tc39.es/ecma262/#sec-regexp-regular-expression-objects>),
//! <https://docs.rs/regex/latest/regex/#syntax>.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// A pattern of a field. It is compiled when it is first used: few ever are.
pub struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

/// What JavaScript's `\s` matches: white space and line terminators.
const SPACE: &str = r"\t\n\x0B\f\r\x20\u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}";

impl Pattern {
    /// Takes a pattern as it is written in a template.
    #[must_use]
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), compiled: OnceLock::new() }
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Says whether the pattern matches somewhere in the value (a pattern is anchored only where
    /// it says so), or nothing when this side cannot run it.
    #[must_use]
    pub fn matches(&self, value: &str) -> Option<bool> {
        self.compiled
            .get_or_init(|| compile(&self.source).ok())
            .as_ref()
            .map(|regex| regex.is_match(value))
    }

    /// Tries whether this side can run the pattern.
    ///
    /// # Errors
    /// The reason why not.
    pub fn check(&self) -> Result<(), String> {
        compile(&self.source).map(drop).map_err(|error| match error {
            regex::Error::Syntax(text) => {
                // The crate draws the pattern over several lines; the last says what is wrong.
                text.lines()
                    .last()
                    .unwrap_or("syntax error")
                    .trim_start_matches("error: ")
                    .to_owned()
            }
            other => other.to_string(),
        })
    }
}

impl Clone for Pattern {
    fn clone(&self) -> Self {
        Self::new(self.source.clone())
    }
}

fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&translate(source)).size_limit(1 << 20).build()
}

fn translate(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut chars = source.chars().peekable();
    let mut class = false;
    let mut class_start = false;
    while let Some(c) = chars.next() {
        let first_in_class = std::mem::take(&mut class_start);
        match c {
            '\\' => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                escape(&mut out, escaped, class);
            }
            '[' if class => out.push_str(r"\["),
            '[' => {
                class = true;
                class_start = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // In JavaScript `[]` matches nothing and `[^]` everything; here `]` would be the
                // first member.
                if chars.peek() == Some(&']') {
                    let all = out.ends_with('^');
                    out.truncate(out.len() - if all { 2 } else { 1 });
                    out.push_str(if all { r"(?s:.)" } else { r"[^\x00-\u{10FFFF}]" });
                    chars.next();
                    class = false;
                    class_start = false;
                }
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            ']' => out.push_str(r"\]"),
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            // A hyphen is a member of the class where it cannot make a range.
            '-' if class && (first_in_class || chars.peek() == Some(&']') || after_set(&out)) => {
                out.push_str(r"\-");
            }
            '.' if !class => out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
            // A brace that starts no repetition is a plain brace.
            '{' if !class && !starts_repetition(chars.clone()) => out.push_str(r"\{"),
            '}' if !class && !ends_repetition(&out) => out.push_str(r"\}"),
            _ => out.push(c),
        }
    }
    out
}

fn escape(out: &mut String, escaped: char, class: bool) {
    match escaped {
        'd' if class => out.push_str("0-9"),
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' if class => out.push_str("0-9A-Za-z_"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' if class => out.push_str(SPACE),
        's' => {
            out.push('[');
            out.push_str(SPACE);
            out.push(']');
        }
        'S' => {
            out.push_str("[^");
            out.push_str(SPACE);
            out.push(']');
        }
        'b' if class => out.push_str(r"\x08"),
        'b' => out.push_str(r"(?-u:\b)"),
        'B' => out.push_str(r"(?-u:\B)"),
        'v' => out.push_str(r"\x0B"),
        '0' => out.push_str(r"\x00"),
        // Escapes that mean the same on both sides, and back-references, which must stay errors.
        'n' | 'r' | 't' | 'f' | 'x' | 'u' | '1'..='9' | 'k' => {
            out.push('\\');
            out.push(escaped);
        }
        // Without flags JavaScript takes any other escaped character as itself.
        other => {
            if regex_syntax_needs_escape(other) {
                out.push('\\');
            }
            out.push(other);
        }
    }
}

fn regex_syntax_needs_escape(c: char) -> bool {
    matches!(
        c,
        '\\' | '.'
            | '+'
            | '*'
            | '?'
            | '('
            | ')'
            | '|'
            | '['
            | ']'
            | '{'
            | '}'
            | '^'
            | '$'
            | '#'
            | '&'
            | '-'
            | '~'
    )
}

/// Whether what was written last into a class is a set (`\w`, `\d`), after which a hyphen makes no
/// range.
fn after_set(out: &str) -> bool {
    out.ends_with("0-9") || out.ends_with("A-Za-z_") || out.ends_with(r"\u{FEFF}")
}

/// Whether `{` is followed by `n}`, `n,}` or `n,m}`.
fn starts_repetition(mut rest: impl Iterator<Item = char>) -> bool {
    let mut digits = 0;
    let mut comma = false;
    loop {
        match rest.next() {
            Some('0'..='9') => digits += 1,
            Some(',') if digits > 0 && !comma => comma = true,
            Some('}') => return digits > 0,
            _ => return false,
        }
    }
}

/// Whether the `}` that comes now closes a repetition that `out` has open.
fn ends_repetition(out: &str) -> bool {
    out.rfind('{').is_some_and(|at| {
        let (before, count) = out.split_at(at);
        !before.ends_with('\\')
            && count.len() > 1
            && count.chars().skip(1).all(|c| c.is_ascii_digit() || c == ',')
    })
}
