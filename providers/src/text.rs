//! The template language: text with `${…}` placeholders.
//!
//! | Placeholder | Value |
//! |---|---|
//! | `${apiKey}`, `${username}`, `${password}`, `${credentials.<field>}` | the credential |
//! | `${connectionConfig.<field>}` | what was typed beside it |
//! | `A \|\| B`, around or inside placeholders | `A` if it resolves to something, else `B` |
//! | `${base64(…)}` | standard base64 of what is inside |
//! | `${sha256Hex(…)}`, `${sha256Base64(…)}` | SHA-256 of what is inside |
//! | `${now}`, `${now:X}`, `${now:YYYY-MM-DD}`, `${now+1:minutes:X}` | the time, see [`crate::moment`] |
//! | `${random}` | a random UUID |
//!
//! A placeholder is filled once: a value that holds `${…}` or `||` is sent as it is.
//!
//! Signing functions and request parts (`${hmacSha1Hex(…)}`, `${method}` …) are not supported; a
//! template that needs one is refused by name when it is loaded, not sent half filled.

use std::cell::OnceCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};

use crate::credential::{ConnectionConfig, Credential};
use crate::field::Field;
use crate::moment::Moment;

/// A template text, parsed.
#[derive(Debug, Clone)]
pub struct Text {
    source: String,
    alternatives: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Literal(String),
    Value(Expr),
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    ApiKey,
    Username,
    Password,
    Config(String),
    Encoded(Encoding, Box<Text>),
    Now(Moment),
    Random,
    /// Only as the last resort of `FirstOf`.
    Literal(String),
    FirstOf(Vec<Expr>),
}

/// What a function makes of the text inside it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Encoding {
    Base64,
    Sha256Hex,
    Sha256Base64,
}

impl Encoding {
    fn of(self, text: &str) -> String {
        match self {
            Self::Base64 => STANDARD.encode(text),
            Self::Sha256Base64 => STANDARD.encode(Sha256::digest(text)),
            Self::Sha256Hex => {
                Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }
}

/// Why a template text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextError {
    #[error("the placeholder ${{{0}}} is not supported")]
    Unsupported(String),
    #[error("the placeholder ${{{0}}} is unknown")]
    Unknown(String),
    #[error("a placeholder is not closed")]
    Unclosed,
}

/// A placeholder that has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) String);

/// Everything that placeholders can name, for one request.
pub(crate) struct Values<'a> {
    pub(crate) credential: &'a Credential,
    pub(crate) config: &'a ConnectionConfig,
    pub(crate) fields: &'a [Field],
    now: Timestamp,
    random: OnceCell<String>,
}

impl<'a> Values<'a> {
    pub(crate) fn new(
        credential: &'a Credential,
        config: &'a ConnectionConfig,
        fields: &'a [Field],
    ) -> Self {
        Self { credential, config, fields, now: Timestamp::now(), random: OnceCell::new() }
    }

    /// The value of a config field: as given (when it was given, even empty), else the template's
    /// default. Nothing when that leaves nothing.
    pub(crate) fn config(&self, name: &str) -> Option<&str> {
        config_value(self.config, self.fields, name)
    }
}

/// See [`Values::config`].
pub(crate) fn config_value<'a>(
    config: &'a ConnectionConfig,
    fields: &'a [Field],
    name: &str,
) -> Option<&'a str> {
    config
        .get(name)
        .or_else(|| fields.iter().find(|field| field.name == name)?.default_value.as_deref())
        .filter(|value| !value.is_empty())
}

impl Text {
    /// Parses a template text.
    pub(crate) fn parse(source: &str) -> Result<Self, TextError> {
        let mut alternatives = Vec::new();
        let mut pieces = Vec::new();
        let mut rest = source;
        // `||` in a text without placeholders is just text.
        let choices = source.contains("${");
        loop {
            let placeholder = rest.find("${");
            let bar = if choices { rest.find("||") } else { None };
            match (placeholder, bar) {
                (placeholder, Some(bar)) if placeholder.is_none_or(|at| bar < at) => {
                    let (literal, after) = rest.split_at(bar);
                    push_literal(&mut pieces, literal);
                    alternatives.push(trimmed(std::mem::take(&mut pieces)));
                    rest = after.trim_start_matches('|');
                }
                (Some(at), _) => {
                    let (literal, after) = rest.split_at(at);
                    push_literal(&mut pieces, literal);
                    let after = after.get(2..).unwrap_or_default();
                    let end = closing(after).ok_or(TextError::Unclosed)?;
                    let (inside, after) = after.split_at(end);
                    pieces.push(Piece::Value(expression(inside.trim())?));
                    rest = after.get(1..).unwrap_or_default();
                }
                (None, _) => {
                    push_literal(&mut pieces, rest);
                    break;
                }
            }
        }
        if alternatives.is_empty() {
            alternatives.push(pieces);
        } else {
            alternatives.push(trimmed(pieces));
        }
        Ok(Self { source: source.to_owned(), alternatives })
    }

    /// The text as it is written in the template.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn alternatives(&self) -> &[Vec<Piece>] {
        &self.alternatives
    }

    /// Says whether the text needs what a user typed beside the credential.
    pub(crate) fn mentions_config(&self) -> bool {
        !self.config_names().is_empty()
    }

    /// Says whether the text holds the credential.
    pub(crate) fn mentions_credential(&self) -> bool {
        self.expressions().any(Expr::mentions_credential)
    }

    /// The config fields that the text names.
    pub(crate) fn config_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.expressions().for_each(|expr| expr.config_names(&mut names));
        names
    }

    fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.alternatives.iter().flatten().filter_map(|piece| match piece {
            Piece::Value(expr) => Some(expr),
            Piece::Literal(_) => None,
        })
    }

    /// Fills the text: the first alternative whose placeholders all have a value and that is not
    /// empty.
    pub(crate) fn render(&self, values: &Values<'_>) -> Result<String, Missing> {
        let mut result = Ok(String::new());
        for pieces in &self.alternatives {
            result = render(pieces, values);
            if result.as_ref().is_ok_and(|text| !text.is_empty()) {
                break;
            }
        }
        result
    }
}

pub(crate) fn render(pieces: &[Piece], values: &Values<'_>) -> Result<String, Missing> {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Value(expr) => out.push_str(&expr.value(values)?),
        }
    }
    Ok(out)
}

impl Expr {
    /// The value, or the name of what is missing.
    pub(crate) fn value(&self, values: &Values<'_>) -> Result<String, Missing> {
        let missing = |name: &str| Missing(name.to_owned());
        match self {
            // EXPOSE: a request is being made; this is where the credential goes out.
            Self::ApiKey => match values.credential {
                Credential::ApiKey { api_key } => Ok(api_key.expose_secret().to_owned()),
                Credential::Basic { .. } => Err(missing("apiKey")),
            },
            // EXPOSE: as above.
            Self::Username => match values.credential {
                Credential::Basic { username, .. } => Ok(username.expose_secret().to_owned()),
                Credential::ApiKey { .. } => Err(missing("username")),
            },
            // EXPOSE: as above.
            Self::Password => match values.credential {
                Credential::Basic { password, .. } => Ok(password.expose_secret().to_owned()),
                Credential::ApiKey { .. } => Err(missing("password")),
            },
            Self::Config(name) => {
                values.config(name).map(str::to_owned).ok_or_else(|| missing(name))
            }
            Self::Encoded(encoding, text) => text.render(values).map(|text| encoding.of(&text)),
            Self::Now(moment) => moment.write(values.now).ok_or_else(|| missing("now")),
            Self::Random => {
                Ok(values.random.get_or_init(|| uuid::Uuid::new_v4().to_string()).clone())
            }
            Self::Literal(text) => Ok(text.clone()),
            Self::FirstOf(choices) => {
                let mut result = Err(missing(""));
                for choice in choices {
                    result = choice.value(values);
                    if result.as_ref().is_ok_and(|value| !value.is_empty()) {
                        break;
                    }
                }
                result
            }
        }
    }

    pub(crate) fn mentions_credential(&self) -> bool {
        match self {
            Self::ApiKey | Self::Username | Self::Password => true,
            Self::Config(_) | Self::Now(_) | Self::Random | Self::Literal(_) => false,
            Self::Encoded(_, text) => text.mentions_credential(),
            Self::FirstOf(choices) => choices.iter().any(Self::mentions_credential),
        }
    }

    pub(crate) fn config_names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Config(name) => names.push(name),
            Self::Encoded(_, text) => names.extend(text.config_names()),
            Self::FirstOf(choices) => choices.iter().for_each(|expr| expr.config_names(names)),
            _ => {}
        }
    }
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Literal(text.to_owned()));
    }
}

/// Blanks around `||` are not part of the alternatives.
fn trimmed(mut pieces: Vec<Piece>) -> Vec<Piece> {
    if let Some(Piece::Literal(text)) = pieces.first_mut() {
        *text = text.trim_start().to_owned();
    }
    if let Some(Piece::Literal(text)) = pieces.last_mut() {
        *text = text.trim_end().to_owned();
    }
    pieces.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
    pieces
}

/// Where the `}` is that closes a placeholder whose `${` was just read.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if last == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        last = c;
    }
    None
}

fn expression(text: &str) -> Result<Expr, TextError> {
    if let Some((function, inside)) = text.strip_suffix(')').and_then(|text| text.split_once('('))
        && function.chars().all(|c| c.is_ascii_alphanumeric())
    {
        let encoding = match function {
            "base64" => Encoding::Base64,
            "sha256Hex" => Encoding::Sha256Hex,
            "sha256Base64" => Encoding::Sha256Base64,
            _ => return Err(TextError::Unsupported(format!("{function}(…)"))),
        };
        return Ok(Expr::Encoded(encoding, Box::new(argument(inside)?)));
    }
    if text.contains("||") {
        return text
            .split("||")
            .map(str::trim)
            .enumerate()
            .map(|(index, choice)| choice_of(choice, index > 0))
            .collect::<Result<_, _>>()
            .map(Expr::FirstOf);
    }
    variable(text)
}

/// Inside `${… || …}` the later choices may be literals, quoted or not.
fn choice_of(text: &str, may_be_literal: bool) -> Result<Expr, TextError> {
    for quote in ['\'', '"'] {
        if let Some(literal) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return Ok(Expr::Literal(literal.to_owned()));
        }
    }
    match variable(text) {
        Err(TextError::Unknown(literal)) if may_be_literal => Ok(Expr::Literal(literal)),
        other => other,
    }
}

/// What stands inside a function: one variable, or a text with placeholders.
fn argument(text: &str) -> Result<Text, TextError> {
    if !text.contains("${") && variable(text.trim()).is_ok() {
        return Text::parse(&format!("${{{}}}", text.trim()));
    }
    Text::parse(text)
}

fn variable(name: &str) -> Result<Expr, TextError> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    Ok(match name.strip_prefix("credentials.").unwrap_or(name) {
        "apiKey" => Expr::ApiKey,
        "username" => Expr::Username,
        "password" => Expr::Password,
        "random" => Expr::Random,
        "method"
        | "host"
        | "path"
        | "params"
        | "endpoint"
        | "urlCanonicalParams"
        | "bodyCanonicalParams"
        | "contentType" => {
            return Err(TextError::Unsupported(name.to_owned()));
        }
        text if text == "now" || ["now:", "now+", "now-"].iter().any(|n| text.starts_with(n)) => {
            let moment = text.strip_prefix("now").and_then(Moment::parse);
            Expr::Now(moment.ok_or_else(|| TextError::Unsupported(name.to_owned()))?)
        }
        _ => match name.strip_prefix("connectionConfig.") {
            Some(field) if is_name(field) => Expr::Config(field.to_owned()),
            _ => return Err(TextError::Unknown(name.to_owned())),
        },
    })
}
