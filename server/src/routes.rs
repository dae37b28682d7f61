//! The list of everything that this server answers to: method, path, who may call it, how large a body
//! it reads, and what does it. The router, the authorization matrix of the tests and the check of the
//! API document are all made from this one list.

use std::sync::LazyLock;

use axum::{
    Router, middleware,
    response::Response,
    routing::{delete, get, patch, post, put},
};
use http::Method;
use serde_json::Value;

use crate::{
    access::{self, Access, Guard, Permission},
    api::{
        audit_events, connect, connections, credentials, environment, environments, health,
        integrations, ok, providers, proxy, secret_keys, webhooks,
    },
    body::{BodyLimit, CREDENTIAL_LIMIT, FILE_LIMIT},
    connect_page, dashboard, demo,
    endpoint::Endpoint,
    error::ApiError,
    metrics, openapi, pages,
    state::AppState,
};

/// All endpoints; those for development only when `dev` is set.
pub fn endpoints(dev: bool) -> Vec<Endpoint> {
    use Access::{DevPage, Intake, Public, SecretKey, Session, SessionOrKey};
    use Method as M;
    use Permission as P;
    let e = Endpoint::new;
    let mut all = vec![
        // What a browser calls.
        e(M::GET, "/connect/session", Session, get(connect::show)),
        e(M::DELETE, "/connect/session", Session, delete(connect::end)),
        e(M::POST, "/connect/telemetry", Public, post(connect::telemetry))
            .limited(CREDENTIAL_LIMIT),
        e(
            M::POST,
            "/api-auth/api-key/{providerConfigKey}",
            Intake,
            post(credentials::post_api_key),
        )
        .limited(CREDENTIAL_LIMIT),
        e(M::POST, "/api-auth/basic/{providerConfigKey}", Intake, post(credentials::post_basic))
            .limited(CREDENTIAL_LIMIT),
        // What either calls.
        e(M::GET, "/integrations", SessionOrKey(P::ReadIntegrations), get(integrations::list)),
        e(M::GET, "/providers", SessionOrKey(P::ReadProviders), get(providers::list)),
        e(M::GET, "/providers/{provider}", SessionOrKey(P::ReadProviders), get(providers::get)),
        e(M::GET, "/providers.json", Public, get(providers::index)),
        e(M::POST, "/providers", SecretKey(P::WriteIntegrations), post(providers::add))
            .limited(FILE_LIMIT),
        e(M::PUT, "/providers/{provider}", SecretKey(P::WriteIntegrations), put(providers::put)),
        e(
            M::DELETE,
            "/providers/{provider}",
            SecretKey(P::WriteIntegrations),
            delete(providers::delete),
        ),
        // What a backend calls.
        e(M::POST, "/connect/sessions", SecretKey(P::WriteSessions), post(connect::create)),
        e(
            M::POST,
            "/connect/sessions/reconnect",
            SecretKey(P::WriteSessions),
            post(connect::reconnect),
        ),
        e(M::POST, "/integrations", SecretKey(P::WriteIntegrations), post(integrations::create)),
        e(
            M::GET,
            "/integrations/{uniqueKey}",
            SecretKey(P::ReadIntegrations),
            get(integrations::get),
        ),
        // Its name in older clients.
        e(M::GET, "/config/{uniqueKey}", SecretKey(P::ReadIntegrations), get(integrations::get)),
        e(
            M::PATCH,
            "/integrations/{uniqueKey}",
            SecretKey(P::WriteIntegrations),
            patch(integrations::update),
        ),
        e(
            M::DELETE,
            "/integrations/{uniqueKey}",
            SecretKey(P::WriteIntegrations),
            delete(integrations::delete),
        ),
        e(M::GET, "/environment", SecretKey(P::ReadSettings), get(environment::show)),
        e(M::PATCH, "/environment", SecretKey(P::WriteSettings), patch(environment::update)),
        e(
            M::POST,
            "/environment/webhook-signing-key",
            SecretKey(P::WriteSettings),
            post(environment::renew_signing_key),
        ),
        e(
            M::POST,
            "/environment/hmac-key",
            SecretKey(P::WriteSettings),
            post(environment::renew_hmac_key),
        ),
        e(
            M::DELETE,
            "/environment/webhook-signing-key/previous",
            SecretKey(P::WriteSettings),
            delete(environment::end_signing_key),
        ),
        e(
            M::DELETE,
            "/environment/hmac-key/previous",
            SecretKey(P::WriteSettings),
            delete(environment::end_hmac_key),
        ),
        e(M::GET, "/environments", SecretKey(P::ManageEnvironments), get(environments::list)),
        e(M::POST, "/environments", SecretKey(P::ManageEnvironments), post(environments::create)),
        e(
            M::PATCH,
            "/environments/{environment}",
            SecretKey(P::ManageEnvironments),
            patch(environments::rename),
        ),
        e(
            M::DELETE,
            "/environments/{environment}",
            SecretKey(P::ManageEnvironments),
            delete(environments::delete),
        ),
        e(M::GET, "/webhooks", SecretKey(P::ReadSettings), get(webhooks::list)),
        e(M::GET, "/webhooks/{webhookId}", SecretKey(P::ReadSettings), get(webhooks::get)),
        e(
            M::POST,
            "/webhooks/{webhookId}/replay",
            SecretKey(P::WriteSettings),
            post(webhooks::replay),
        ),
        e(M::GET, "/secret-keys", SecretKey(P::ManageKeys), get(secret_keys::list)),
        e(M::POST, "/secret-keys", SecretKey(P::ManageKeys), post(secret_keys::create)),
        e(
            M::POST,
            "/secret-keys/{secretKeyId}/rotate",
            SecretKey(P::ManageKeys),
            post(secret_keys::rotate),
        ),
        e(
            M::DELETE,
            "/secret-keys/{secretKeyId}",
            SecretKey(P::ManageKeys),
            delete(secret_keys::revoke),
        ),
        e(M::GET, "/audit-events", SecretKey(P::ReadAudit), get(audit_events::list)),
        e(M::GET, "/audit-events/check", SecretKey(P::ReadAudit), get(audit_events::check)),
        // For the people who run it.
        e(M::GET, "/health", Public, get(health::health)).uncounted(),
        e(M::GET, "/ready", Public, get(health::ready)).uncounted(),
        e(M::GET, "/metrics", Access::Metrics, get(metrics::show)).uncounted(),
        e(M::GET, "/openapi.json", Public, get(api_document)),
        // Pages and their parts.
        e(M::GET, "/", Public, get(pages::root)),
        e(M::GET, "/connect", Public, get(connect_page::show)),
        e(M::GET, "/connect/", Public, get(connect_page::show)),
        e(M::GET, "/assets/{*path}", Public, get(pages::asset)).uncounted(),
        e(M::GET, "/images/template-logos/{file}", Public, get(pages::logo)).uncounted(),
    ];
    all.extend(pages_of_operators());
    // `/connection` is the old name of `/connections`; both are called.
    for [collection, one, metadata] in [
        ["/connections", "/connections/{connectionId}", "/connections/metadata"],
        ["/connection", "/connection/{connectionId}", "/connection/metadata"],
    ] {
        all.extend([
            e(M::GET, collection, SecretKey(P::ListConnections), get(connections::list)),
            e(M::GET, one, SecretKey(P::ReadCredentials), get(connections::get)),
            e(M::PATCH, one, SecretKey(P::WriteConnections), patch(connections::update)),
            e(M::DELETE, one, SecretKey(P::WriteConnections), delete(connections::delete)),
            e(
                M::POST,
                metadata,
                SecretKey(P::WriteConnections),
                post(connections::replace_metadata),
            ),
            e(
                M::PATCH,
                metadata,
                SecretKey(P::WriteConnections),
                patch(connections::merge_metadata),
            ),
        ]);
    }
    all.push(e(
        M::POST,
        "/connections/{connectionId}/verify",
        SecretKey(P::WriteConnections),
        post(connections::verify),
    ));
    let one_metadata = "/connection/{connectionId}/metadata";
    all.extend([
        e(M::POST, "/connections", SecretKey(P::WriteConnections), post(connections::import)),
        e(M::POST, "/connection", SecretKey(P::WriteConnections), post(connections::import_legacy)),
        e(
            M::POST,
            one_metadata,
            SecretKey(P::WriteConnections),
            post(connections::set_metadata_legacy),
        ),
        e(
            M::PATCH,
            one_metadata,
            SecretKey(P::WriteConnections),
            patch(connections::merge_metadata_legacy),
        ),
    ]);
    // The second one is the provider's base URL itself.
    for path in ["/proxy/{*path}", "/proxy/"] {
        let through = |method, handler| e(method, path, SecretKey(P::Proxy), handler).streaming();
        all.extend([
            through(M::GET, get(proxy::call)),
            through(M::POST, post(proxy::call)),
            through(M::PUT, put(proxy::call)),
            through(M::PATCH, patch(proxy::call)),
            through(M::DELETE, delete(proxy::call)),
        ]);
    }
    if dev {
        all.extend([
            e(M::GET, "/demo", Public, get(pages::demo_root)),
            e(M::GET, "/demo/", Public, get(pages::demo_index)),
            e(M::GET, "/demo/{*path}", Public, get(pages::demo)),
            e(M::POST, "/demo/session", DevPage, post(demo::session)),
            e(M::GET, "/demo/connection", DevPage, get(demo::connection)),
            e(M::GET, "/demo/connections", DevPage, get(demo::connections_of)),
            e(M::GET, "/demo-api/v1/me", Public, get(demo::api::me)).uncounted(),
            e(M::GET, "/demo-api/v1/basic/me", Public, get(demo::api::basic_me)).uncounted(),
        ]);
    }
    all
}

/// The dashboard.
fn pages_of_operators() -> Vec<Endpoint> {
    use Access::{Operator, Public};
    use dashboard::{
        activity, connections, environment_keys, environments, integrations, preview, secret_keys,
        settings, sign_in,
        widget_session::{invite, make_invite, session},
    };
    let page = |path, handler| Endpoint::new(Method::GET, path, Operator, handler);
    let form = |path, access, handler| {
        Endpoint::new(Method::POST, path, access, handler).limited(CREDENTIAL_LIMIT)
    };
    vec![
        Endpoint::new(Method::GET, "/dashboard/sign-in", Public, get(sign_in::show)),
        form("/dashboard/sign-in", Public, post(sign_in::sign_in)),
        form("/dashboard/sign-out", Operator, post(sign_in::sign_out)),
        page("/dashboard", get(dashboard::start)),
        page("/dashboard/{environment}/integrations", get(integrations::list)),
        page("/dashboard/{environment}/integrations/new", get(integrations::new)),
        form("/dashboard/{environment}/integrations/new", Operator, post(integrations::create)),
        page("/dashboard/{environment}/integration", get(integrations::show)),
        page("/dashboard/{environment}/integration/add", get(integrations::add)),
        page("/dashboard/{environment}/integration/settings", get(integrations::edit)),
        form("/dashboard/{environment}/integration/settings", Operator, post(integrations::save)),
        form("/dashboard/{environment}/integration/delete", Operator, post(integrations::delete)),
        form("/dashboard/{environment}/session", Operator, post(session)),
        page("/dashboard/{environment}/preview", get(preview::frame)),
        form("/dashboard/{environment}/preview", Operator, post(preview::content)),
        page("/dashboard/{environment}/invite", get(invite)),
        form("/dashboard/{environment}/invite", Operator, post(make_invite)),
        page("/dashboard/{environment}/connections", get(connections::list)),
        page("/dashboard/{environment}/connection", get(connections::show)),
        form("/dashboard/{environment}/connection/reveal", Operator, post(connections::reveal)),
        form("/dashboard/{environment}/connection/delete", Operator, post(connections::delete)),
        form("/dashboard/{environment}/connection/verify", Operator, post(connections::verify)),
        page("/dashboard/{environment}/activity", get(activity::show)),
        page("/dashboard/{environment}/webhooks", get(activity::webhooks)),
        page("/dashboard/{environment}/webhook", get(activity::webhook)),
        form("/dashboard/{environment}/webhooks/replay", Operator, post(activity::replay)),
        page("/dashboard/{environment}/secret-keys", get(secret_keys::show)),
        form("/dashboard/{environment}/secret-keys", Operator, post(secret_keys::create)),
        form("/dashboard/{environment}/secret-keys/rotate", Operator, post(secret_keys::rotate)),
        form("/dashboard/{environment}/secret-keys/revoke", Operator, post(secret_keys::revoke)),
        page("/dashboard/{environment}/environments", get(environments::show)),
        form("/dashboard/{environment}/environments", Operator, post(environments::create)),
        form("/dashboard/{environment}/environments/rename", Operator, post(environments::rename)),
        form("/dashboard/{environment}/environments/delete", Operator, post(environments::delete)),
        page("/dashboard/{environment}/settings", get(settings::show)),
        form("/dashboard/{environment}/settings/webhooks", Operator, post(settings::webhooks)),
        form("/dashboard/{environment}/settings/connect", Operator, post(settings::connect)),
        form("/dashboard/{environment}/settings/legacy", Operator, post(settings::legacy)),
        page("/dashboard/{environment}/settings/key", get(environment_keys::ask)),
        form("/dashboard/{environment}/settings/key", Operator, post(environment_keys::renew)),
        form("/dashboard/{environment}/settings/key/end", Operator, post(environment_keys::end)),
    ]
}

/// The router over all endpoints, without the layers that are around everything.
pub fn router(state: &AppState) -> Router<AppState> {
    endpoints(state.dev).into_iter().fold(Router::new(), |router, endpoint| {
        let guard = Guard {
            state: state.clone(),
            access: endpoint.access,
            limit: BodyLimit(endpoint.body_limit),
            counted: endpoint.counted,
            waiting: endpoint.waiting,
        };
        let handler = endpoint.handler.layer(middleware::from_fn_with_state(guard, access::check));
        router.route(endpoint.path, handler)
    })
}

/// `GET /openapi.json`.
///
/// # Errors
/// 500 when the source does not fit the routes, which the tests rule out.
async fn api_document() -> Result<Response, ApiError> {
    static DOCUMENT: LazyLock<Result<Value, String>> =
        LazyLock::new(|| openapi::document(&endpoints(true)));
    match &*DOCUMENT {
        Ok(document) => Ok(ok(document)),
        Err(fault) => Err(ApiError::internal(fault.as_str())),
    }
}
