//! What a collector is told, and what it is not: a real one's side of OTLP over HTTP, up to the decoded
//! spans.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    trace::v1::{Span, status::StatusCode},
};
use prost::Message;
use serde_json::json;

use crate::process::{Running, SECRET, folder, forms, holds};

/// A request that a collector has taken: its head and its body.
struct Export {
    head: String,
    body: Vec<u8>,
}

/// Takes exports on a port of its own and answers each with `status`.
fn collector(status: &'static str) -> (SocketAddr, Receiver<Export>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let sender = sender.clone();
            std::thread::spawn(move || take(&socket.unwrap(), status, &sender));
        }
    });
    (address, receiver)
}

fn take(socket: &TcpStream, status: &str, exports: &Sender<Export>) {
    let mut reader = BufReader::new(socket);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        head.make_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let mut socket = socket;
        write!(
            socket,
            "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
        )
        .unwrap();
        if exports.send(Export { head, body }).is_err() {
            return;
        }
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key);
    match value.and_then(|attribute| attribute.value.clone()).and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_collector_is_told_of_each_request_and_of_no_value_in_it() {
    const KEY: &str = "canary-key-7Qx4vN2pW8";
    const QUERY: &str = "canary-query-3Lm9sT6y";
    const STATE: &str = "canary-tracestate-5Rk1dZ";
    let (address, exports) = collector("200 OK");
    let dir = folder();
    let base = format!("http://{address}/otel/");
    let server = Running::start(
        dir.path(),
        &["--dev", "--catalog", "providers.yaml", "--otlp", &base],
        &[
            ("KEYSLOT_SECRET_KEY", SECRET),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-token=let-me-in"),
        ],
    );
    let integration = json!({ "provider": "unchecked", "unique_key": "unchecked" });
    assert_eq!(server.call("POST", "/integrations", SECRET, &integration).0, 200);
    let token = server.session();
    let body = json!({ "apiKey": KEY });
    let path = format!("/api-auth/api-key/unchecked?params[second]={QUERY}");
    let (status, made) = server.call("POST", &path, &token, &body);
    assert_eq!(status, 200, "{made}");
    let id = made["connectionId"].as_str().unwrap();
    assert_eq!(server.key_of("unchecked", id), KEY);
    assert_eq!(server.call("GET", &format!("/{QUERY}"), &token, &json!(null)).0, 404);
    server.raw(
        format!(
            "GET /connections/{id}?provider_config_key=unchecked HTTP/1.1\r\nhost: keyslot.test\r\n\
             authorization: Bearer {SECRET}\r\nx-request-id: a-request-of-ours\r\nconnection: close\r\n\
             traceparent: 00-{TRACE}-{CALLER}-01\r\ntracestate: vendor={STATE}\r\n\r\n"
        )
        .as_bytes(),
    );
    let log = String::from_utf8(server.stop()).unwrap();
    assert!(!log.contains("collector"), "nothing was lost: {log}");

    let exports: Vec<Export> = exports.try_iter().collect();
    assert!(!exports.is_empty(), "it stopped without sending");
    let mut spans: Vec<Span> = Vec::new();
    for Export { head, body } in &exports {
        assert!(head.starts_with("post /otel/v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
        assert!(head.contains("x-collector-token: let-me-in\r\n"), "{head}");
        for secret in [KEY, QUERY, STATE, SECRET, token.as_str(), id] {
            for form in forms(secret) {
                assert!(!holds(body, &form) && !holds(head.as_bytes(), &form), "{secret}");
            }
        }
        for whole in ExportTraceServiceRequest::decode(body.as_slice()).unwrap().resource_spans {
            let resource = whole.resource.unwrap().attributes;
            assert_eq!(text(&resource, "service.name"), "keyslot-server");
            spans.extend(whole.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let of = |span: &Span, key: &str| text(&span.attributes, key);
    let write = named("POST /api-auth/api-key/{providerConfigKey}");
    assert_eq!(write.len(), 1, "{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    assert_eq!(of(write[0], "http.response.status_code"), "200");
    assert_eq!(of(write[0], "http.route"), "/api-auth/api-key/{providerConfigKey}");
    assert!(write[0].end_time_unix_nano > write[0].start_time_unix_nano);
    assert!(write[0].parent_span_id.is_empty(), "nobody called it within a trace");
    let nowhere = named("GET (none)");
    assert_eq!(of(nowhere[0], "error.type"), "not_found");
    assert!(nowhere[0].status.as_ref().is_none_or(|status| status.code() != StatusCode::Error));
    let reads = named("GET /connections/{connectionId}");
    assert_eq!(reads.len(), 2);
    let called = reads.iter().find(|span| hex(&span.trace_id) == TRACE).unwrap();
    assert_eq!(hex(&called.parent_span_id), CALLER);
    assert_eq!(of(called, "keyslot.request_id"), "a-request-of-ours");
    assert!(called.trace_state.is_empty());
}

#[test]
fn requests_do_not_wait_for_a_collector_that_does_not_take_anything() {
    let (address, exports) = collector("503 Service Unavailable");
    let base = format!("http://{address}");
    let dir = folder();
    let start = |base: &str| {
        let arguments = ["--dev", "--otlp", base];
        Running::start(dir.path(), &arguments, &[("KEYSLOT_SECRET_KEY", SECRET)])
    };
    let server = start(&base);
    assert_eq!(server.call("GET", "/integrations", SECRET, &json!(null)).0, 200);
    let log = String::from_utf8(server.stop()).unwrap();
    assert!(log.contains("the collector does not take traces"), "{log}");
    assert!(exports.recv_timeout(Duration::from_secs(1)).is_ok());

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = start(&format!("http://{nobody}"));
    assert_eq!(server.call("GET", "/integrations", SECRET, &json!(null)).0, 200);
    let log = String::from_utf8(server.stop()).unwrap();
    assert!(log.contains("traces do not reach the collector"), "{log}");
}
