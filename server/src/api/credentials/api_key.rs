//! `POST /api-auth/api-key/{providerConfigKey}`: a browser brings an API key.

use axum::{extract::State, response::Response};
use keyslot_providers::Credential;

use super::{API_KEY_MAX, Beside, store};
use crate::{
    access::Browser,
    body::JsonBody,
    error::ApiError,
    fields::{Fields, Length, read},
    query::Query,
    segment::Segment,
    state::AppState,
};

/// Checks an API key and stores it.
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
    let mut fields = Fields::of_body(body)?;
    let api_key =
        fields.string("apiKey", Length { min: 1, max: API_KEY_MAX }).map(Credential::api_key);
    let mut beside = Beside::read(&mut fields, &query)?;
    fields.finish()?;
    let origin = beside.origin(&browser);
    let intake = beside.intake(&integration, read(api_key)?)?;
    Ok(store(&state, intake, origin).await?.answer())
}
