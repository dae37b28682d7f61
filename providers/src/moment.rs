//! The time of a request as a template wants it written: `${now}`, `${now:YYYY-MM-DD}`,
//! `${now+1:minutes:X}`. Always UTC, in English.
//!
//! Source of the tokens: <https://day.js.org/docs/en/display/format>. A letter that is no token here is
//! refused when the template is loaded: sent as it is, it would make a date that no vendor expects.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};

/// How the time of a request is written.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// What is added to it first.
    shift: Option<(i64, Unit)>,
    /// RFC 3339 when there is none.
    format: Option<Vec<Token>>,
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Seconds,
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

#[derive(Debug, Clone)]
enum Token {
    Literal(String),
    Known(&'static str),
}

/// The tokens, longer ones before those they begin with.
const TOKENS: [&str; 26] = [
    "YYYY", "YY", "MMMM", "MMM", "MM", "M", "DD", "D", "dddd", "ddd", "d", "HH", "H", "hh", "h",
    "mm", "m", "SSS", "ss", "s", "ZZ", "Z", "A", "a", "X", "x",
];

/// The farthest that a template may count, in whatever unit.
const MAX_SHIFT: i64 = 10_000;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Moment {
    /// Reads what follows `now` in a placeholder; nothing when it is none of the forms.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some(first) = text.chars().next() else {
            return Some(Self { shift: None, format: None });
        };
        let rest = text.get(1..)?;
        let (shift, format) = match first {
            ':' => (None, Some(rest)),
            '+' | '-' => {
                let mut parts = rest.splitn(3, ':');
                let count = parts.next()?;
                if count.is_empty() || !count.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                let count = count.parse::<i64>().ok().filter(|&count| count <= MAX_SHIFT)?;
                let unit = Unit::parse(parts.next()?)?;
                (Some((if first == '-' { -count } else { count }, unit)), parts.next())
            }
            _ => return None,
        };
        let format = match format {
            Some(format) => Some(tokens(format)?),
            None => None,
        };
        Some(Self { shift, format })
    }

    /// The time as it is to be written; nothing where the calendar ends.
    pub(crate) fn write(&self, now: Timestamp) -> Option<String> {
        let mut time = now.to_zoned_datetime(TimeZone::UTC);
        if let Some((count, unit)) = self.shift {
            time = time.checked_add(unit.span(count)?).ok()?;
        }
        let Some(format) = &self.format else {
            return Some(format!("{:.3}", time.timestamp()));
        };
        let mut out = String::new();
        for token in format {
            match token {
                Token::Literal(text) => out.push_str(text),
                Token::Known(token) => out.push_str(&written(token, &time)),
            }
        }
        Some(out)
    }
}

impl Unit {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.strip_suffix('s').unwrap_or(name) {
            "second" => Self::Seconds,
            "minute" => Self::Minutes,
            "hour" => Self::Hours,
            "day" => Self::Days,
            "week" => Self::Weeks,
            "month" => Self::Months,
            "year" => Self::Years,
            _ => return None,
        })
    }

    fn span(self, count: i64) -> Option<Span> {
        let span = Span::new();
        match self {
            Self::Seconds => span.try_seconds(count),
            Self::Minutes => span.try_minutes(count),
            Self::Hours => span.try_hours(count),
            Self::Days => span.try_days(count),
            Self::Weeks => span.try_weeks(count),
            Self::Months => span.try_months(count),
            Self::Years => span.try_years(count),
        }
        .ok()
    }
}

fn tokens(format: &str) -> Option<Vec<Token>> {
    if format.is_empty() {
        return None;
    }
    let mut tokens = Vec::new();
    let mut rest = format;
    while let Some(next) = rest.chars().next() {
        if let Some(escaped) = rest.strip_prefix('[') {
            let (text, after) = escaped.split_once(']')?;
            tokens.push(Token::Literal(text.to_owned()));
            rest = after;
        } else if let Some(token) = TOKENS.into_iter().find(|token| rest.starts_with(token)) {
            tokens.push(Token::Known(token));
            rest = rest.get(token.len()..)?;
        } else if next.is_alphabetic() && next != 'T' {
            return None;
        } else {
            tokens.push(Token::Literal(next.to_string()));
            rest = rest.get(next.len_utf8()..)?;
        }
    }
    Some(tokens)
}

fn written(token: &str, time: &ZonedDateTime) -> String {
    let hour = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let name = |names: &[&str], index: i8, length: usize| {
        let name = usize::try_from(index).ok().and_then(|index| names.get(index)).unwrap_or(&"");
        name.get(..length).unwrap_or(name).to_owned()
    };
    let day = time.weekday().to_sunday_zero_offset();
    match token {
        "YYYY" => format!("{:04}", time.year()),
        "YY" => format!("{:02}", time.year() % 100),
        "MMMM" => name(&MONTHS, time.month() - 1, usize::MAX),
        "MMM" => name(&MONTHS, time.month() - 1, 3),
        "MM" => format!("{:02}", time.month()),
        "M" => time.month().to_string(),
        "DD" => format!("{:02}", time.day()),
        "D" => time.day().to_string(),
        "dddd" => name(&DAYS, day, usize::MAX),
        "ddd" => name(&DAYS, day, 3),
        "d" => day.to_string(),
        "HH" => format!("{:02}", time.hour()),
        "H" => time.hour().to_string(),
        "hh" => format!("{hour:02}"),
        "h" => hour.to_string(),
        "mm" => format!("{:02}", time.minute()),
        "m" => time.minute().to_string(),
        "ss" => format!("{:02}", time.second()),
        "s" => time.second().to_string(),
        "SSS" => format!("{:03}", time.millisecond()),
        "ZZ" => "+0000".to_owned(),
        "Z" => "+00:00".to_owned(),
        "A" => (if time.hour() < 12 { "AM" } else { "PM" }).to_owned(),
        "a" => (if time.hour() < 12 { "am" } else { "pm" }).to_owned(),
        "X" => time.timestamp().as_second().to_string(),
        "x" => time.timestamp().as_millisecond().to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_noon(text: &str) -> Option<String> {
        // Friday, 1 March 2024, 13:05:09.042 UTC.
        Moment::parse(text)?.write("2024-03-01T13:05:09.042Z".parse().expect("a time"))
    }

    #[test]
    fn a_time_is_written_in_the_tokens_that_templates_use() {
        for (text, expected) in [
            ("", "2024-03-01T13:05:09.042Z"),
            (":X", "1709298309"),
            (":x", "1709298309042"),
            (":YYYY-MM-DD", "2024-03-01"),
            (":YYYY-MM-DDTHH:mm:ss", "2024-03-01T13:05:09"),
            (":YYYYMMDDTHHmmss[Z]", "20240301T130509Z"),
            (":ddd, DD MMM YYYY HH:mm:ss ZZ", "Fri, 01 Mar 2024 13:05:09 +0000"),
            (":dddd D MMMM YY, h:mm a [o'clock]", "Friday 1 March 24, 1:05 pm o'clock"),
            (":H:m:s.SSS Z hh A M d", "13:5:9.042 +00:00 01 PM 3 5"),
            ("+1:minutes:X", "1709298369"),
            ("-1:day:YYYY-MM-DD", "2024-02-29"),
            ("+7:days:YYYY-MM-DD", "2024-03-08"),
            ("+1:months", "2024-04-01T13:05:09.042Z"),
        ] {
            assert_eq!(at_noon(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_time_in_a_form_that_is_unknown_is_refused() {
        for text in [
            ":",
            ":Q",
            ":YYYY [open",
            "+:days:X",
            "+1",
            "+1:lightyears:X",
            "+99999:days:X",
            "++1:days:X",
            "X",
        ] {
            assert!(Moment::parse(text).is_none(), "{text}");
        }
        assert_eq!(at_noon("+9999:years:X"), None, "the calendar ends before");
    }
}
