//! Files for browsers: the widget (`/assets/`), the demo page (`/demo/`, with `--dev`) and the logos of
//! providers. Built into the binary; a development build reads them from the checkout at each request.
//! Sent in the smallest form that the client takes.

use std::borrow::Cow;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{
    compressed::{Compressed, ContentHash},
    content_policy, dashboard,
    error::ApiError,
    popup_socket,
    segment::Segment,
    state::AppState,
};

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

/// Style sheets, scripts and the icon of the pages that the server makes itself.
#[derive(RustEmbed)]
#[folder = "assets"]
struct Own;

/// What `npm run build:logos` drew.
#[derive(RustEmbed)]
#[folder = "../logos"]
#[allow_missing = true]
struct Logos;

/// The demo site.
#[derive(RustEmbed)]
#[folder = "../www"]
#[allow_missing = true]
struct Www;

/// `GET /`: to the demo with `--dev`, else to the dashboard. It is where the stock SDK asks for a WebSocket, too.
pub async fn root(State(state): State<AppState>, mut request: Request) -> Response {
    if let Some(refusal) = popup_socket::refusal(&mut request) {
        return refusal;
    }
    let page = if state.dev { "/demo/" } else { dashboard::PREFIX };
    Redirect::temporary(&format!("{}{page}", state.base_path())).into_response()
}

/// `GET /demo`: the page's own links need the slash.
pub async fn demo_root(State(state): State<AppState>) -> Redirect {
    Redirect::permanent(&format!("{}/demo/", state.base_path()))
}

/// `GET /demo/`
pub async fn demo_index(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    file(Www::get("index.html"), "index.html", &headers, &state.compressed)
}

/// `GET /demo/{*path}`
pub async fn demo(
    State(state): State<AppState>,
    Segment(path): Segment,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    file(Www::get(&path), &path, &headers, &state.compressed)
}

/// `GET /assets/{*path}`: of `dist/`, of `pkg/` below `pkg/`, and what the server's own pages need below
/// `own/`. Any site may use them.
pub async fn asset(
    State(state): State<AppState>,
    Segment(path): Segment,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = match path.split_once('/') {
        Some(("pkg", rest)) => Pkg::get(rest),
        Some(("own", rest)) => Own::get(rest),
        _ => Dist::get(&path),
    };
    file(found, &path, &headers, &state.compressed)
}

/// All files that can be had in a smaller form, for [`Compressed::prepare`]; `dev` as for the routes.
pub fn compressible(dev: bool) -> impl Iterator<Item = (ContentHash, Bytes)> {
    let www = dev.then(|| Www::iter().map(|path| (Www::get(&path), path))).into_iter().flatten();
    let dist = Dist::iter().map(|path| (Dist::get(&path), path));
    let pkg = Pkg::iter().map(|path| (Pkg::get(&path), path));
    let own = Own::iter().map(|path| (Own::get(&path), path));
    www.chain(dist).chain(pkg).chain(own).filter_map(|(file, path)| {
        let file = file.filter(|_| !is_compressed(content_type(&path)))?;
        Some((file.metadata.sha256_hash(), content(file)))
    })
}

fn is_compressed(content_type: &str) -> bool {
    matches!(content_type, "image/png" | "image/x-icon" | "application/octet-stream")
}

fn content(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(built_in) => Bytes::from_static(built_in),
        Cow::Owned(from_disk) => from_disk.into(),
    }
}

/// `GET /images/template-logos/{file}`: the logo of a provider, or the first letter of its name on a
/// plain ground.
pub async fn logo(
    State(state): State<AppState>,
    Segment(name): Segment,
) -> Result<Response, ApiError> {
    let name = name.strip_suffix(".svg").filter(|name| is_provider_name(name));
    let name = name.ok_or_else(|| ApiError::NotFound("There is no such logo.".into()))?;
    // Whether an environment has a provider of its own by this name is not for everybody to know.
    let catalogue = state.catalogues.shared();
    let title = catalogue.get(name).map_or(name, |provider| &provider.display_name);
    let drawn = Logos::get(&format!("{name}.svg"));
    let svg = drawn.map_or_else(|| Bytes::from(monogram(title)), content);
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
        (header::CONTENT_SECURITY_POLICY, content_policy::LOGO),
    ];
    Ok((headers, svg).into_response())
}

/// The characters of a provider's name, as the catalogue has them.
fn is_provider_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn monogram(name: &str) -> String {
    let letter = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('K');
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 40\"><style>rect{{fill:#eef0f5}}\
         text{{fill:#3d4451}}@media(prefers-color-scheme:dark){{rect{{fill:#2c3038}}text{{fill:#cdd2dd}}}}</style>\
         <rect width=\"40\" height=\"40\" rx=\"8\"/><text x=\"20\" y=\"27\" \
         font-family=\"system-ui,sans-serif\" font-size=\"20\" font-weight=\"600\" \
         text-anchor=\"middle\">{}</text></svg>",
        letter.to_uppercase()
    )
}

fn file(
    found: Option<EmbeddedFile>,
    path: &str,
    request: &HeaderMap,
    compressed: &Compressed,
) -> Result<Response, ApiError> {
    let found = found.ok_or_else(|| ApiError::NotFound("There is no such file.".into()))?;
    let hash = found.metadata.sha256_hash();
    let form = compressed.form(&hash, request);
    let mut tag: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: &str| {
        // Only values of this file and hex digits come here.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if let Some((encoding, _)) = &form {
        put(header::CONTENT_ENCODING, encoding.word());
        // Each form is a representation of its own (RFC 9110 §8.8.3.3).
        tag = format!("{tag}-{}", encoding.word());
    }
    let tag = format!("\"{tag}\"");
    put(header::ETAG, &tag);
    put(header::VARY, "accept-encoding");
    // Names are not versioned: ask again, and be answered with 304.
    put(header::CACHE_CONTROL, "public, max-age=0, must-revalidate");
    put(header::CONTENT_TYPE, content_type(path));
    put(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    if path.ends_with(".html") {
        put(header::CONTENT_SECURITY_POLICY, content_policy::DEMO);
        put(header::REFERRER_POLICY, "no-referrer");
    }
    if has(request, &tag) {
        headers.remove(header::CONTENT_ENCODING);
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let body = form.map_or_else(|| content(found), |(_, body)| body);
    Ok((headers, body).into_response())
}

/// Whether the client has this representation already. Compared weakly, as RFC 9110 §13.1.2 asks: a
/// proxy in between may have marked the tag as weak.
fn has(request: &HeaderMap, tag: &str) -> bool {
    let known = request.get_all(header::IF_NONE_MATCH).iter();
    known.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
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
