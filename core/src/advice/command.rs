//! A command as vendors print it in their documentation: `curl https://… -H "Authorization: Bearer …"`.

use super::Kind;
use super::address::query_value;
use super::characters::{after, is_blank, is_line_break};
use super::entry::entry;
use super::repair::{Found, Removed, Step};

/// What the next argument is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Other,
    Header,
    User,
}

/// Finds the credential among the arguments of a command: in a header, in `-u`, in the address.
pub(super) fn step<'a>(found: &mut Found, text: &'a str) -> Option<Step<'a>> {
    let mut arguments = Arguments(text);
    let mut first = arguments.next()?;
    if matches!(first, "$" | ">" | "%" | "sudo") {
        first = arguments.next()?;
    }
    let is_program = ["curl", "curl.exe", "wget", "http", "https"]
        .iter()
        .any(|name| first.eq_ignore_ascii_case(name));
    if !is_program {
        // Some copy only the line that matters.
        option(first).filter(|_| text.contains(is_blank))?;
        arguments = Arguments(text);
    }

    let (mut header, mut pair, mut address) = (None, None, None);
    let mut next = Next::Other;
    for argument in arguments {
        let (what, value) = match next {
            Next::Other => option(argument).unwrap_or((Next::Other, argument)),
            expected => (expected, argument),
        };
        next = if value.is_empty() { what } else { Next::Other };
        match what {
            Next::Header => {
                if let Some(entry) = entry(Kind::Key, value).filter(|entry| entry.meaning().secret)
                    && (header.is_none() || entry.name.eq_ignore_ascii_case("authorization"))
                {
                    header = Some(value);
                }
            }
            Next::User => pair = value.split_once(':').or(pair),
            Next::Other => address = address.or_else(|| query_value(value)),
        }
    }

    let pair = pair.and_then(|(username, password)| found.half(username, password));
    let value = if found.kind == Kind::Key { header.or(pair).or(address) } else { pair.or(header) };
    found.less(Removed::Curl, value.filter(|value| !value.is_empty())?)
}

/// Reads an option that carries a credential, with its value when that is glued to it.
fn option(argument: &str) -> Option<(Next, &str)> {
    for (name, next) in [("--header", Next::Header), ("--user", Next::User)] {
        if let Some(rest) = argument.strip_prefix(name) {
            return if rest.is_empty() {
                Some((next, rest))
            } else {
                rest.strip_prefix('=').map(|value| (next, value))
            };
        }
    }
    if let Some(value) = argument.strip_prefix("-H") {
        return Some((Next::Header, value));
    }
    if let Some(value) = argument.strip_prefix("-u") {
        return Some((Next::User, value));
    }
    // `-sSH`: flags without values in front of it.
    let flags = argument
        .strip_prefix('-')
        .filter(|flags| flags.len() <= 5 && flags.bytes().all(|b| b.is_ascii_alphabetic()))?;
    match flags.as_bytes().last()? {
        b'H' => Some((Next::Header, "")),
        b'u' => Some((Next::User, "")),
        _ => None,
    }
}

/// The words of a command line, as a shell parts them. A quoted part begins a word of its own, so that every
/// word is a piece of the text: `--header="X: y"` is read as `--header=` and `X: y`.
struct Arguments<'a>(&'a str);

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        // A line that goes on: `\` in a shell, `^` in cmd.exe, a backtick in PowerShell.
        let mut text = self.0;
        loop {
            let rest = text.trim_start_matches(is_blank);
            let goes_on =
                rest.strip_prefix(['\\', '^', '`']).filter(|rest| rest.starts_with(is_line_break));
            text = goes_on.unwrap_or(rest);
            if goes_on.is_none() {
                break;
            }
        }
        let text = after(text, "$'").map_or(text, |_| text.strip_prefix('$').unwrap_or(text));
        let quote = text.chars().next()?;
        if matches!(quote, '"' | '\'' | '“' | '”' | '‘' | '’') {
            let close = match quote {
                '“' => '”',
                '‘' => '’',
                straight => straight,
            };
            let (word, rest) = text.strip_prefix(quote)?.split_once(close)?;
            self.0 = rest;
            return Some(word);
        }
        let end = text.find(|c| is_blank(c) || matches!(c, '"' | '\'' | '“' | '‘'));
        let (word, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
        self.0 = rest;
        Some(word)
    }
}
