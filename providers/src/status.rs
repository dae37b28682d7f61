//! Ranges of HTTP statuses, as templates and settings write them.

use std::ops::RangeInclusive;

/// Reads `429`, `5xx` or `500-502`.
pub(crate) fn statuses(code: &str) -> Option<RangeInclusive<u16>> {
    let range = if let Some((from, to)) = code.split_once('-') {
        from.trim().parse().ok().zip(to.trim().parse().ok())
    } else if let Some(hundreds) = code.strip_suffix("xx") {
        hundreds
            .parse::<u16>()
            .ok()
            .filter(|h| (1..=5).contains(h))
            .map(|h| (h * 100, h * 100 + 99))
    } else {
        code.parse().ok().map(|code| (code, code))
    };
    match range {
        Some((from, to)) if (100..=599).contains(&from) && from <= to && to <= 599 => {
            Some(from..=to)
        }
        _ => None,
    }
}

/// Whether a range holds a status that no good credential gets.
pub(crate) fn proves_nothing(range: &RangeInclusive<u16>) -> bool {
    *range.start() < 200
        || *range.end() >= 500
        || [401, 403, 407, 408, 429].iter().any(|status| range.contains(status))
}

/// Whether a range holds a status that speaks of the request's time or place, never of its credential:
/// informational ones, 407 of a proxy, 408, 425, 429.
pub(crate) fn concerns_no_credential(range: &RangeInclusive<u16>) -> bool {
    *range.start() < 200 || [407, 408, 425, 429].iter().any(|status| range.contains(status))
}

/// Whether a status is in both ranges.
pub(crate) fn overlap(a: &RangeInclusive<u16>, b: &RangeInclusive<u16>) -> bool {
    a.start() <= b.end() && b.start() <= a.end()
}

/// The text that [`statuses`] reads: `200`, `2xx` or `200-204`.
pub(crate) fn written(range: &RangeInclusive<u16>) -> String {
    let (from, to) = (range.start(), range.end());
    if from == to {
        from.to_string()
    } else if from % 100 == 0 && *to == from + 99 {
        format!("{}xx", from / 100)
    } else {
        format!("{from}-{to}")
    }
}
