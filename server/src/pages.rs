//! Files for browsers: the widget (`/assets/`), the demo page (`/demo/`, with `--dev`) and the logos of
//! providers. Built into the binary; a development build reads them from the checkout at each request.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{error::ApiError, state::AppState};

/// What `npm run build` made of the widget.
#[derive(RustEmbed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Dist;

/// wasm-pack's own output.
#[derive(RustEmbed)]
#[folder = "../pkg"]
#[allow_missing = true]
struct Pkg;

/// The demo site.
#[derive(RustEmbed)]
#[folder = "../www"]
#[allow_missing = true]
struct Www;

/// Pages of ours run no inline script and no foreign one. `wasm-unsafe-eval` is what WebAssembly needs.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// `GET /`: there is a demo to see with `--dev`, and nothing else yet.
pub async fn root(State(state): State<AppState>) -> Result<Response, ApiError> {
    if state.dev {
        return Ok(Redirect::temporary(&format!("{}/demo/", state.base_path())).into_response());
    }
    Err(ApiError::NotFound("This is the API of a Keyslot server; see /health.".into()))
}

/// `GET /demo`: the page's own links need the slash.
pub async fn demo_root(State(state): State<AppState>) -> Redirect {
    Redirect::permanent(&format!("{}/demo/", state.base_path()))
}

/// `GET /demo/`
pub async fn demo_index(headers: HeaderMap) -> Result<Response, ApiError> {
    file(Www::get("index.html"), "index.html", &headers)
}

/// `GET /demo/{*path}`
pub async fn demo(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    file(Www::get(&path), &path, &headers)
}

/// `GET /assets/{*path}`: of `dist/`, and of `pkg/` below `pkg/`. Any site may use them.
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let found = match path.strip_prefix("pkg/") {
        Some(rest) => Pkg::get(rest),
        None => Dist::get(&path),
    };
    file(found, &path, &headers)
}

/// `GET /images/template-logos/{file}`: the first letter of a provider's name on a plain ground.
pub async fn logo(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let provider = name.strip_suffix(".svg").and_then(|name| state.catalogue.get(name));
    let provider = provider.ok_or_else(|| ApiError::NotFound("There is no such logo.".into()))?;
    let letter = provider.display_name.chars().find(|c| c.is_alphanumeric()).unwrap_or('K');
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 40\"><rect width=\"40\" height=\"40\" rx=\"8\" \
         fill=\"#eef0f5\"/><text x=\"20\" y=\"27\" font-family=\"system-ui,sans-serif\" font-size=\"20\" \
         font-weight=\"600\" text-anchor=\"middle\" fill=\"#3d4451\">{}</text></svg>",
        letter.to_uppercase()
    );
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ];
    Ok((headers, svg).into_response())
}

fn file(
    found: Option<EmbeddedFile>,
    path: &str,
    request: &HeaderMap,
) -> Result<Response, ApiError> {
    let found = found.ok_or_else(|| ApiError::NotFound("There is no such file.".into()))?;
    let hash = found.metadata.sha256_hash();
    let tag: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: &str| {
        // Only values of this file and hex digits come here.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(header::ETAG, &tag);
    // Names are not versioned: ask again, and be answered with 304.
    put(header::CACHE_CONTROL, "public, max-age=0, must-revalidate");
    put(header::CONTENT_TYPE, content_type(path));
    put(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    if path.ends_with(".html") {
        put(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
        put(header::REFERRER_POLICY, "no-referrer");
    }
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, found.data.into_owned()).into_response())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        _ => "application/octet-stream",
    }
}
