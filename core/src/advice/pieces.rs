//! Text of several pieces, of which one holds the value: some lines of a `.env` file, the headers of a request,
//! a label and a key copied from a page, a JSON object, a curl command.

use super::Kind;
use super::address::query_value;
use super::entry::{bare, entry, is_button};
use super::repair::{Found, Removed};
use super::text::{
    all, any, blank, find, first, has, head, index, inner, last, listed, position, quote, same,
    starts, tail, trim, trim_start,
};
use super::vocabulary::meaning;

/// Programs whose arguments may hold a credential.
const PROGRAMS: &str = "curl|curl.exe|wget|http|https";
/// Options that hold one; some people copy only that line.
const OPTIONS: &str = "-H|-u|--header|--user";

/// The piece that holds the value; empty when the text is one piece, or when no piece or several do.
pub(super) fn pick<'a>(found: &mut Found, text: &'a str) -> &'a str {
    // `$ curl …`, as it stands in a manual.
    let command = if starts(text, "$ ") { tail(text, 2) } else { text };
    let word = head(command, position(command, blank));
    if listed(PROGRAMS, word)
        || (word.len() < text.len() && find(OPTIONS, &|option| starts(word, option)).is_some())
    {
        return argument(found, command);
    }
    let json = first(text) == b'{' && last(text) == b'}';
    if json {
        record(found, inner(text), true)
    } else if has(text, b'\n') {
        record(found, text, false)
    } else {
        ""
    }
}

/// The credential among the arguments of a command: in a header, in `-u`, in the address.
fn argument<'a>(found: &mut Found, command: &'a str) -> &'a str {
    let (mut header, mut pair, mut query) = ("", "", "");
    let mut pair_is_next = false;
    let mut rest = command;
    while !rest.is_empty() {
        let mut piece = next_argument(&mut rest);
        if pair_is_next {
            (pair, pair_is_next) = (piece, false);
            continue;
        }
        if starts(piece, "--") {
            let name = index(piece, b'=');
            let value = tail(piece, name + 1);
            if same(head(piece, name), "--user") {
                (pair, pair_is_next) = (value, value.is_empty());
            }
            piece = value;
        } else if first(piece) == b'-' && last(piece) == b'u' && piece.len() < 7 {
            // `-u`, and `-sSu`: flags without a value before it.
            pair_is_next = true;
        } else if starts(piece, "-u") {
            pair = tail(piece, 2);
        } else if starts(piece, "-H") {
            piece = tail(piece, 2);
        }
        if let Some(entry) = entry(Kind::Key, piece)
            && entry.meaning.secret
            && (header.is_empty() || same(entry.name, "authorization"))
        {
            header = piece;
        }
        if query.is_empty() {
            query = query_value(piece);
        }
    }
    let at = index(pair, b':');
    let half = if at < pair.len() { found.half(head(pair, at), tail(pair, at + 1)) } else { "" };
    let (one, two, three) =
        if found.kind == Kind::Key { (header, half, query) } else { (half, header, "") };
    let value = [one, two, three].into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    if !value.is_empty() {
        found.note(Removed::Curl);
    }
    value
}

/// Takes the next word off a command line, as a shell parts them. A quoted part begins a word of its own, so
/// that every word is a piece of the text: `--header="X: y"` is read as `--header=` and `X: y`.
fn next_argument<'a>(rest: &mut &'a str) -> &'a str {
    let mut text = trim_start(rest);
    // A line that goes on: `\` in a shell, `^` in cmd.exe, a backtick in PowerShell.
    if matches!(first(text), b'\\' | b'^' | b'`') && blank(first(tail(text, 1))) {
        text = trim_start(tail(text, 1));
    }
    let open = first(text);
    let (start, end) = if quote(open) {
        (1, 1 + index(tail(text, 1), open))
    } else {
        (0, position(text, |b| blank(b) || quote(b)))
    };
    *rest = tail(text, end + start);
    tail(head(text, end), start)
}

/// The one line, or the one member of a JSON object, that holds the value.
fn record<'a>(found: &mut Found, text: &'a str, json: bool) -> &'a str {
    // How many there are of each, the last one, and its value.
    let (mut secrets, mut secret, mut password) = (0_u32, "", "");
    let (mut persons, mut person, mut username) = (0_u32, "", "");
    let (mut count, mut one, mut two) = (0_u32, "", "");
    let mut rest = text;
    while !rest.is_empty() {
        let piece = trim(next_record(&mut rest, json));
        if piece.is_empty() {
            continue;
        }
        (one, two, count) = if count == 0 { (piece, "", 1) } else { (one, piece, count + 1) };
        if let Some(entry) = entry(Kind::Username, piece).or_else(|| entry(found.kind, piece)) {
            let value = bare(entry.value);
            if entry.meaning.secret {
                (secrets, secret, password) = (secrets + 1, piece, value);
            } else if entry.meaning.person {
                (persons, person, username) = (persons + 1, piece, value);
            }
        }
    }
    if found.kind != Kind::Key && secrets == 1 && persons == 1 {
        found.half(username, password);
    }
    let mut value = "";
    if found.kind == Kind::Username && persons == 1 {
        value = person;
    } else if secrets == 1 {
        value = secret;
    } else if json || count != 2 || found.kind == Kind::Password {
        // No answer.
    } else if meaning(one).is_certain() && !any(two, blank) {
        // A label, or a button, and the value on the line beside it.
        value = two;
    } else if is_button(two) {
        value = one;
    } else if found.kind == Kind::Username && all(text, |b| b == b'\n' || !blank(b)) {
        value = found.half(one, two);
    }
    if !value.is_empty() {
        found.note(if json { Removed::Json } else { Removed::OtherLines });
        if count > 1 {
            found.note(Removed::OtherLines);
        }
    }
    value
}

/// Takes a line off `rest`, or a member of a JSON object: up to its punctuation outside of quotes.
fn next_record<'a>(rest: &mut &'a str, json: bool) -> &'a str {
    let mut quoted = false;
    let end = rest.bytes().position(|b| {
        quoted ^= json && b == b'"';
        b == b'\n' || (json && !quoted && matches!(b, b',' | b'{' | b'}' | b'[' | b']'))
    });
    let end = end.unwrap_or(rest.len());
    let record = head(rest, end);
    *rest = tail(rest, end + 1);
    record
}
