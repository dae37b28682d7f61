//! The query string, read the way existing clients write it: `params[subdomain]=acme` and
//! `tags[team]=a` are objects, brackets literal or percent-encoded. Values are never logged.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{
    error::{ApiError, Place},
    issue::{Issue, at},
};

/// The pairs of a query string, decoded, in order.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string without its `?`.
    pub fn parse(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// Reads the body of a form that was sent URL-encoded; the syntax is the same.
    pub fn of_form(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The value of `key`; the first when it is given several times.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All values of `key`.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The entries of `key[…]=…`. Deeper ones (`key[a][b]`) are left out: no value there is a string.
    ///
    /// # Errors
    /// An issue when `key` is given as a plain value.
    pub fn object(&self, key: &str) -> Result<BTreeMap<String, String>, Issue> {
        if let Some(plain) = self.first(key) {
            return Err(Issue::invalid_type(at([key]), "object", Some(&plain.into())));
        }
        let entry = |name: &str| {
            let inside = name.strip_prefix(key)?.strip_prefix('[')?.strip_suffix(']')?;
            (!inside.is_empty() && !inside.contains(['[', ']'])).then(|| inside.to_owned())
        };
        Ok(self.0.iter().filter_map(|(name, value)| Some((entry(name)?, value.clone()))).collect())
    }

    /// Refuses keys other than `known`; `objects` are known with brackets.
    ///
    /// # Errors
    /// `invalid_query_params` naming the keys.
    pub fn only(&self, known: &[&str], objects: &[&str]) -> Result<(), ApiError> {
        let mut unknown: Vec<String> = Vec::new();
        for (name, _) in &self.0 {
            let base = name.split('[').next().unwrap_or(name);
            let fits = known.contains(&name.as_str()) || objects.contains(&base);
            if !fits && !unknown.iter().any(|seen| seen == base) {
                unknown.push(base.to_owned());
            }
        }
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(ApiError::query(Issue::unrecognized(vec![], &unknown)))
        }
    }

    /// A value with 1 to 255 characters, when given.
    ///
    /// # Errors
    /// `invalid_query_params` when it is longer or empty.
    pub fn text(&self, key: &str) -> Result<Option<String>, ApiError> {
        let Some(value) = self.first(key) else { return Ok(None) };
        let issue = if value.is_empty() {
            Issue::too_short(at([key]), 1)
        } else if value.chars().count() > 255 {
            Issue::too_long(at([key]), 255)
        } else {
            return Ok(Some(value.to_owned()));
        };
        Err(ApiError::query(issue))
    }

    /// A whole number within `range`, when given.
    ///
    /// # Errors
    /// `invalid_query_params` when it is not one.
    pub fn number(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.first(key) else { return Ok(None) };
        let issue = match value.parse::<u64>() {
            Err(_) => Issue::invalid_type(at([key]), "number", Some(&value.into())),
            Ok(number) if number < *range.start() => Issue::too_small(at([key]), *range.start()),
            Ok(number) if number > *range.end() => Issue::too_big(at([key]), *range.end()),
            Ok(number) => return Ok(Some(number)),
        };
        Err(ApiError::query(issue))
    }

    /// A word that means yes or no, when given.
    ///
    /// # Errors
    /// `invalid_query_params` when it is another word.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, ApiError> {
        const YES: [&str; 6] = ["true", "1", "yes", "on", "y", "enabled"];
        const NO: [&str; 6] = ["false", "0", "no", "off", "n", "disabled"];
        let Some(value) = self.first(key) else { return Ok(None) };
        let value = value.to_ascii_lowercase();
        if YES.contains(&value.as_str()) {
            Ok(Some(true))
        } else if NO.contains(&value.as_str()) {
            Ok(Some(false))
        } else {
            Err(ApiError::query(Issue::not_one_of(at([key]), &[YES, NO].concat())))
        }
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// `invalid_query_params` when it is not.
    pub fn required(&self, key: &str) -> Result<&str, ApiError> {
        self.first(key).ok_or_else(|| {
            ApiError::Invalid(Place::Query, vec![Issue::invalid_type(at([key]), "string", None)])
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_with_literal_and_with_encoded_brackets() {
        let query = Query::parse(
            "params[subdomain]=acme&params%5Bregion%5D=eu%20west&other=1&params[a][b]=x&params[]=y",
        );
        let params = query.object("params").unwrap();
        assert_eq!(params.len(), 2);
        assert_eq!(params["subdomain"], "acme");
        assert_eq!(params["region"], "eu west");
    }

    #[test]
    fn an_object_given_as_a_value_is_an_issue() {
        let issue = Query::parse("params=x").object("params").unwrap_err();
        assert_eq!(issue.message, "Invalid input: expected object, received string");
    }

    #[test]
    fn unknown_keys_are_named() {
        let query = Query::parse("limit=1&foo=2&tags[a]=b&foo=3");
        let ApiError::Invalid(Place::Query, issues) =
            query.only(&["limit"], &["tags"]).unwrap_err()
        else {
            panic!()
        };
        assert_eq!(issues[0].message, "Unrecognized key: \"foo\"");
        assert!(query.only(&["limit", "foo"], &["tags"]).is_ok());
        assert!(Query::parse("limit[x]=1").only(&["limit"], &[]).is_err());
    }

    #[test]
    fn numbers_and_flags_keep_to_their_words() {
        let query = Query::parse("a=5&b=x&c=-1&d=YES&e=maybe");
        assert_eq!(query.number("a", 1..=9).unwrap(), Some(5));
        assert_eq!(query.number("missing", 1..=9).unwrap(), None);
        assert!(query.number("a", 6..=9).is_err());
        assert!(query.number("a", 1..=4).is_err());
        assert!(query.number("b", 1..=9).is_err());
        assert!(query.number("c", 0..=9).is_err());
        assert_eq!(query.flag("d").unwrap(), Some(true));
        assert!(query.flag("e").is_err());
    }
}
