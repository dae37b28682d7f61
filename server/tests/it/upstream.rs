//! Another server: a vendor's API that proxied requests reach, or a receiver of webhooks. It notes what
//! it is sent and answers what it was told to; without that, with what it was sent.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use http::HeaderMap;
use http_body_util::BodyExt;
use keyslot_server::listener::{self, Bounds};
use serde_json::json;
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Clone)]
pub(crate) struct Seen {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The status that it was answered with.
    pub(crate) answered: u16,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    seen: Vec<Seen>,
    answers: VecDeque<Response>,
}

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Shared,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let shared = Shared::default();
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(listener::serve(socket, app, Bounds::default(), std::future::pending()));
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next request, after those that were queued before, with this.
    pub(crate) fn then(&self, answer: Response) {
        self.shared.0.lock().unwrap().answers.push_back(answer);
    }

    /// Answers the next request with a status and an empty body.
    pub(crate) fn then_status(&self, status: u16) {
        self.then(Response::builder().status(status).body(String::new().into()).unwrap());
    }

    /// What has arrived so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.0.lock().unwrap().seen.clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("nothing has arrived")
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let target = head.uri.path_and_query().unwrap().to_string();
    let echo = json!({
        "method": head.method.as_str(),
        "target": target,
        "authorization": head.headers.get("authorization").map(|value| value.to_str().unwrap()),
        "body": String::from_utf8_lossy(&body),
    });
    let mut script = shared.0.lock().unwrap();
    let answer = script.answers.pop_front().unwrap_or_else(|| {
        Response::builder()
            .header("content-type", "application/json")
            .body(echo.to_string().into())
            .unwrap()
    });
    let answered = answer.status().as_u16();
    script.seen.push(Seen { target, headers: head.headers, body, answered });
    answer
}
