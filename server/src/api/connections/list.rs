//! `GET /connections`: connections without their credentials, newest first.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::summary_view;
use crate::{
    access::Key, api::ok, error::ApiError, query::Query, state::AppState, store::ConnectionFilter,
};

const LIMIT_MAX: u64 = 2000;
/// How many are listed when no limit is given.
const LIMIT_DEFAULT: u32 = 10_000;

/// Lists connections. `connectionId`, `endUserId`, `endUserOrganizationId` and `tags[…]` match exactly,
/// `integrationId` is a list separated by commas, `search` finds part of an id, name or e-mail address.
///
/// # Errors
/// 400 `invalid_query_params`.
pub async fn list(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(
        &[
            "connectionId",
            "search",
            "endUserId",
            "endUserOrganizationId",
            "integrationId",
            "limit",
            "page",
        ],
        &["tags"],
    )?;
    let tags = query.object("tags").map_err(ApiError::query)?;
    let limit = query
        .number("limit", 1..=LIMIT_MAX)?
        .and_then(|limit| u32::try_from(limit).ok())
        .unwrap_or(LIMIT_DEFAULT);
    let page = query.number("page", 0..=u64::from(u32::MAX))?.unwrap_or(0);
    let integrations = query
        .first("integrationId")
        .map(|list| {
            list.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|list| !list.is_empty());
    let filter = ConnectionFilter {
        connection_id: query.text("connectionId")?,
        search: query.text("search")?,
        end_user_id: query.text("endUserId")?,
        organization_id: query.text("endUserOrganizationId")?,
        integrations,
        // Labels are kept in lower case.
        tags: tags.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect(),
        limit,
        offset: page * u64::from(limit),
        health: None,
    };
    let connections: Vec<Value> = state
        .store
        .connections(key.environment(), filter)
        .await?
        .iter()
        .map(summary_view)
        .collect();
    Ok(ok(&json!({ "connections": connections })))
}
