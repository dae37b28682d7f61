//! What is shown once: a key or a link that an operator has just made. The form that makes it answers with a
//! redirect, so that reloading makes no second one; until the page after it asks, the secret is kept sealed, for
//! this session only and for a minute. In the address is the number of the record, which opens nothing.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::page::Visit;
use crate::{error::ApiError, query::Query, store::ShownOnce, vault::Binding};

/// How long the page may take to ask.
const LIFETIME: SignedDuration = SignedDuration::from_mins(1);
/// The parameter with the number of the record.
pub const PARAMETER: &str = "made";

/// Something that was made just now.
#[derive(Serialize, Deserialize)]
pub struct Made {
    /// Which it is.
    pub title: String,
    /// The secret: a key, or a link.
    pub secret: String,
    /// The variable in which a backend commonly has it.
    pub variable: Option<String>,
    /// What becomes of the one before it, or until when it works.
    pub note: Option<String>,
}

/// What a page has to show of it.
#[derive(Default)]
pub struct Shown {
    /// It, this once.
    pub made: Option<Made>,
    /// Whether it was asked for and is not there any more.
    pub gone: bool,
}

/// Keeps what was made for the page that is asked for next; returns the parameter of that page's address.
///
/// # Errors
/// What store and vault say.
pub async fn keep(visit: &Visit, made: &Made) -> Result<String, ApiError> {
    let id = uuid::Uuid::new_v4().to_string();
    let text = zeroize::Zeroizing::new(serde_json::to_vec(made).map_err(ApiError::internal)?);
    let sealed = visit.state.vault.seal(binding(visit, &id), &text)?;
    visit
        .state
        .store
        .put_shown_once(ShownOnce {
            id: record(visit, &id),
            session: visit.session().to_owned(),
            sealed: sealed.blob,
            ends_at: visit.state.clock.now() + LIFETIME,
        })
        .await?;
    Ok(format!("{PARAMETER}={id}"))
}

/// Takes what the address of this page names, if it was made in this environment. HEAD shows nothing and takes
/// nothing.
///
/// # Errors
/// What store and vault say.
pub async fn take(visit: &Visit, query: &Query) -> Result<Shown, ApiError> {
    let Some(id) = query.first(PARAMETER) else { return Ok(Shown::default()) };
    if visit.shows_nothing() {
        return Ok(Shown::default());
    }
    let (store, now) = (&visit.state.store, visit.state.clock.now());
    let Some(blob) = store.take_shown_once(&record(visit, id), visit.session(), now).await? else {
        return Ok(Shown { made: None, gone: true });
    };
    let text = visit.state.vault.open(binding(visit, id), &blob)?;
    Ok(Shown {
        made: Some(serde_json::from_slice(&text).map_err(ApiError::internal)?),
        gone: false,
    })
}

/// The id in the store. The environment is part of it: asked for in another one, it is not there.
fn record(visit: &Visit, id: &str) -> String {
    format!("{}:{id}", visit.environment)
}

fn binding<'a>(visit: &'a Visit, id: &'a str) -> Binding<'a> {
    Binding { purpose: "shown_once", environment: &visit.environment, integration: "", record: id }
}
