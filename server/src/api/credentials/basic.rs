//! `POST /api-auth/basic/{providerConfigKey}`: a browser brings a user name and a password.

use axum::{extract::State, response::Response};
use keyslot_providers::Credential;

use super::{BASIC_MAX, Beside, store};
use crate::{
    access::Browser,
    body::JsonBody,
    error::ApiError,
    fields::{Fields, Length, read},
    query::Query,
    segment::Segment,
    state::AppState,
};

/// Checks a user name and a password and stores them. Either may be empty: with some providers the key
/// is the user name and there is no password.
///
/// # Errors
/// 400 `invalid_body`, `invalid_query_params`, `invalid_uri_params`, and those of storing.
pub async fn post(
    State(state): State<AppState>,
    browser: Browser,
    Segment(integration): Segment,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    const ANY: Length = Length { min: 0, max: BASIC_MAX };
    let mut fields = Fields::of_body(body)?;
    let username = fields.string("username", ANY);
    let password = fields.string("password", ANY);
    let mut beside = Beside::read(&mut fields, &query)?;
    fields.finish()?;
    let origin = beside.origin(&browser);
    let intake =
        beside.intake(&integration, Credential::basic(read(username)?, read(password)?))?;
    Ok(store(&state, intake, origin).await?.answer())
}
