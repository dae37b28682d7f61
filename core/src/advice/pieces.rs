//! Text of several pieces, of which one holds the value: some lines of a `.env` file, the headers of a request,
//! a label and a key copied from a page, a JSON object, a curl command.

use super::Kind;
use super::address::query_value;
use super::entry::{BUTTONS, bare, entry};
use super::found::{Found, Removed};
use super::vocabulary::meaning;
use crate::text::{BLANK, LINE, Part, QUOTE, SPACE, Text, class, set};

/// Programs whose arguments may hold a credential.
const PROGRAMS: &str = "curl|curl.exe|wget|http|https";
/// Options that hold one; some people copy only that line.
const OPTIONS: &str = "-H|-u|--header|--user";

/// Goes on with the piece that holds the value, unless the text is one piece, or no piece or several do.
pub(super) fn pick(found: &mut Found, text: &Text<'_>) -> bool {
    let part = found.part;
    // `$ curl …`, as it stands in a manual.
    let command = part.skip(text.starts(part, "$ "));
    let word = text.until(command, BLANK);
    if text.is(word, PROGRAMS) || (word.len() < part.len() && text.starts(word, OPTIONS) > 0) {
        argument(found, text, command)
    } else if text.first(part) == b'{' && text.last(part) == b'}' {
        record(found, text, part.inner(), true)
    } else if text.any(part, LINE) {
        record(found, text, part, false)
    } else {
        false
    }
}

/// The credential among the arguments of a command: in a header, in `-u`, in the address. Arguments are parted as
/// a shell does, but a quoted part begins one of its own, so that each is a piece of the text: `--header="X: y"`
/// is read as `--header=` and `X: y`.
fn argument(found: &mut Found, text: &Text<'_>, command: Part) -> bool {
    let (mut header, mut pair, mut query) = (Part::NONE, Part::NONE, Part::NONE);
    let mut pair_is_next = false;
    let mut rest = command;
    while !rest.is_empty() {
        rest = text.trim(rest);
        // A line that goes on: `\` in a shell, `^` in cmd.exe, a backtick in PowerShell.
        if text.starts(rest, "\\\n|^\n|`\n|\\ |^ |` ") > 0 {
            rest = text.trim(rest.skip(2));
        }
        let quote = usize::from(text.opens(rest, QUOTE));
        let end = if quote > 0 { class(text.first(rest)) } else { BLANK | QUOTE };
        let mut piece = text.until(rest.skip(quote), end);
        rest = rest.after(piece).skip(quote);
        if pair_is_next {
            (pair, pair_is_next) = (piece, false);
            continue;
        }
        if text.starts(piece, "--") > 0 {
            let name = text.until(piece, set!("="));
            let value = piece.after(name).skip(1);
            if text.is(name, "--user") {
                (pair, pair_is_next) = (value, value.is_empty());
            }
            piece = value;
        } else if text.first(piece) == b'-' && text.last(piece) == b'u' && piece.len() < 7 {
            // `-u`, and `-sSu`: flags without a value before it.
            pair_is_next = true;
        } else if text.starts(piece, "-u") > 0 {
            pair = piece.skip(2);
        } else if text.starts(piece, "-H") > 0 {
            piece = piece.skip(2);
        }
        if let Some(entry) = entry(text, Kind::Key, piece)
            && entry.meaning.secret()
            && (header.is_empty() || text.is(entry.name, "authorization"))
        {
            header = piece;
        }
        if query.is_empty() {
            query = query_value(text, piece);
        }
    }
    let user = text.until(pair, set!(":"));
    let half = if user.len() < pair.len() {
        found.half(text, user, pair.after(user).skip(1))
    } else {
        Part::NONE
    };
    let key = found.kind == Kind::Key;
    let mut value = if key { header } else { half };
    if value.is_empty() {
        value = if key { half } else { header };
    }
    if value.is_empty() && key {
        value = query;
    }
    found.take(Removed::Curl, value)
}

/// The one line, or the one member of a JSON object, that holds the value.
fn record(found: &mut Found, text: &Text<'_>, all: Part, json: bool) -> bool {
    // How many there are of each, the last one, and its value.
    let (mut secrets, mut secret, mut password) = (0_u32, Part::NONE, Part::NONE);
    let (mut persons, mut person, mut username) = (0_u32, Part::NONE, Part::NONE);
    let (mut count, mut one, mut two) = (0_u32, Part::NONE, Part::NONE);
    let mut rest = all;
    while !rest.is_empty() {
        // A line, or a member up to its punctuation outside of quotes.
        let mut end = rest;
        loop {
            end = end.after(text.until(end, if json { LINE | set!("\",{}[]") } else { LINE }));
            if text.first(end) != b'"' {
                break;
            }
            end = end.after(text.until(end.skip(1), set!("\""))).skip(1);
        }
        let piece = text.trim(rest.before(end));
        rest = end.skip(1);
        if piece.is_empty() {
            continue;
        }
        if count == 0 {
            one = piece;
        }
        two = piece;
        count += 1;
        let named = entry(text, Kind::Username, piece).or_else(|| entry(text, found.kind, piece));
        if let Some(entry) = named {
            let value = bare(text, entry.value);
            if entry.meaning.secret() {
                (secrets, secret, password) = (secrets + 1, piece, value);
            } else if entry.meaning.person() {
                (persons, person, username) = (persons + 1, piece, value);
            }
        }
    }
    if found.kind != Kind::Key && secrets == 1 && persons == 1 {
        found.half(text, username, password);
    }
    let mut value = Part::NONE;
    if found.kind == Kind::Username && persons == 1 {
        value = person;
    } else if secrets == 1 {
        value = secret;
    } else if json || count != 2 || found.kind == Kind::Password {
        // No answer.
    } else if meaning(text, one).is_certain() && !text.any(two, BLANK) {
        // A label, or a button, and the value on the line beside it.
        value = two;
    } else if text.is(two, BUTTONS) {
        value = one;
    } else if found.kind == Kind::Username && !text.any(all, SPACE) {
        value = found.half(text, one, two);
    }
    let found_one = found.take(if json { Removed::Json } else { Removed::OtherLines }, value);
    if found_one && count > 1 {
        found.note(Removed::OtherLines);
    }
    found_one
}
