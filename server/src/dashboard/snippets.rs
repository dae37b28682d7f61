//! The lines that a developer copies to connect an integration and to read what was connected, with the
//! server's address and the integration's real key in them.

use serde_json::json;

/// One piece of code.
pub struct Snippet {
    /// Its id in the page.
    pub id: &'static str,
    /// In which step of the guide it belongs: 1 backend, 2 page, 3 reading.
    pub step: u8,
    /// What it is for.
    pub title: &'static str,
    /// The code.
    pub code: String,
}

/// An example of an end user's id, which is also that of the connection.
const USER: &str = "user-42";

/// All snippets for one integration. `host` is where clients reach the server.
pub fn snippets(host: &str, integration: &str) -> Vec<Snippet> {
    // JSON strings are JavaScript strings, and quote whatever an id may hold.
    let (js_host, js_key) = (json!(host), json!(integration));
    let body = json!({
        "end_user": { "id": USER },
        "connection_id": USER,
        "allowed_integrations": [integration],
    });
    let read: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("provider_config_key", integration)
        .finish();
    let snippet = |step, id, title, code| Snippet { id, step, title, code };
    vec![
        snippet(
            1,
            "session-node",
            "Node",
            format!(
                "import {{ Nango }} from \"@nangohq/node\";\n\n\
                 const keyslot = new Nango({{ host: {js_host}, secretKey: process.env.KEYSLOT_SECRET_KEY }});\n\
                 const {{ data }} = await keyslot.createConnectSession({{\n  \
                   end_user: {{ id: \"{USER}\" }}, // your ID of the signed-in user\n  \
                   allowed_integrations: [{js_key}],\n\
                 }});\n\
                 // Answer your page with data.token."
            ),
        ),
        snippet(
            1,
            "session-curl",
            "curl",
            format!(
                "curl -X POST {host}/connect/sessions \\\n  \
                   -H \"Authorization: Bearer $KEYSLOT_SECRET_KEY\" \\\n  \
                   -H \"Content-Type: application/json\" \\\n  \
                   -d {}",
                shell(&body.to_string())
            ),
        ),
        snippet(
            2,
            "page-npm",
            "npm",
            format!(
                "// npm install keyslot\n\
                 import {{ auth }} from \"keyslot\";\n\n\
                 const {{ connectionId }} = await auth({js_key}, \"{USER}\", {{\n  \
                   host: {js_host},\n  \
                   session: () => fetch(\"/connect-session\", {{ method: \"POST\" }}).then((r) => r.text()),\n\
                 }});"
            ),
        ),
        snippet(
            2,
            "page-script",
            "Script tag",
            format!(
                "<script src=\"{host}/assets/global.js\"></script>\n\
                 <button id=\"connect\">Connect</button>\n\
                 <script>\n  \
                   document.getElementById(\"connect\").onclick = async () => {{\n    \
                     const {{ connectionId }} = await Keyslot.auth({js_key}, \"{USER}\", {{\n      \
                       host: {js_host},\n      \
                       session: () => fetch(\"/connect-session\", {{ method: \"POST\" }}).then((r) => r.text()),\n    \
                     }});\n  \
                   }};\n\
                 </script>"
            ),
        ),
        snippet(
            2,
            "page-react",
            "React",
            format!(
                "import {{ auth, isAuthError }} from \"keyslot\";\n\n\
                 export function ConnectButton({{ onConnected }}) {{\n  \
                   const connect = async () => {{\n    \
                     try {{\n      \
                       onConnected(await auth({js_key}, \"{USER}\", {{\n        \
                         host: {js_host},\n        \
                         session: () => fetch(\"/connect-session\", {{ method: \"POST\" }}).then((r) => r.text()),\n      \
                       }}));\n    \
                     }} catch (error) {{\n      \
                       if (!isAuthError(error) || error.code !== \"window_closed\") throw error;\n    \
                     }}\n  \
                   }};\n  \
                   return <button onClick={{connect}}>Connect</button>;\n\
                 }}"
            ),
        ),
        snippet(
            3,
            "read-node",
            "Node",
            format!(
                "const {{ credentials, connection_config }} = await keyslot.getConnection({js_key}, \"{USER}\");"
            ),
        ),
        snippet(
            3,
            "read-curl",
            "curl",
            format!(
                "curl {} \\\n  -H \"Authorization: Bearer $KEYSLOT_SECRET_KEY\"",
                shell(&format!("{host}/connections/{USER}?{read}"))
            ),
        ),
    ]
}

/// Quoted for a POSIX shell: nothing between single quotes means anything else.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_quoted_for_the_language_they_stand_in() {
        let all = snippets("https://keys.example", "it's \"a\" & b");
        let code = |id: &str| &all.iter().find(|snippet| snippet.id == id).unwrap().code;
        assert!(code("page-npm").contains(r#"auth("it's \"a\" & b","#));
        assert!(code("session-curl").contains(r#""allowed_integrations":["it'\''s \"a\" & b"]"#));
        assert!(code("read-curl").contains("provider_config_key=it%27s+%22a%22+%26+b'"));
    }
}
