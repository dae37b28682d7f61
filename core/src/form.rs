//! From a provider's template to a form, and from a filled form to what is posted.
//!
//! Which fields there are, in which order, what they start with, which are on screen, what stands
//! against sending them: the rules of `nango-wire` (§3.4 to §3.8 of the wire notes) with one change:
//! a `pattern` only advises. Drawing is the widget's business, wording too.

use crate::advice::{self, FieldShape, KeyShape, Kind, Refusal, Repair};
use crate::auth_mode::AuthMode;
use crate::error::AuthErrorCode;
use crate::json::Json;
use crate::text::joined;
use crate::text::push_hex;
use zeroize::Zeroizing;

/// A value typed by a person; wiped when dropped.
pub type Value = Zeroizing<String>;

/// One input of the form, or one hidden value.
#[derive(Debug, Clone)]
pub struct Field {
    /// Key on the wire: `apiKey`, `username`, `password`, or a connection-config name.
    pub name: String,
    /// Part of the credential; otherwise sent in `params`.
    pub credential: bool,
    /// What the field is for.
    pub kind: Kind,
    /// Masked, with a button to show it.
    pub secret: bool,
    /// May stay empty.
    pub optional: bool,
    /// The only values there are; empty when any text may be typed.
    pub choices: Vec<String>,
    /// First value.
    pub initial: String,
    /// Not on screen; `initial` is sent as it is.
    pub hidden: bool,
    /// Its place on the screen, counted as the wire does.
    rank: i32,
    /// In the order of [`TEXTS`]: to drop and to read a list is a loop in the module, for members it is code for
    /// each.
    texts: [String; TEXTS.len()],
}

/// Members of a template's field that are texts.
const TEXTS: [&str; 7] =
    ["title", "description", "example", "doc_section", "prefix", "suffix", "pattern"];

/// Any of the texts may be empty.
impl Field {
    /// Label; empty means the generic word for `name`.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.texts[0]
    }

    /// Help under the label.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.texts[1]
    }

    /// Placeholder.
    #[must_use]
    pub fn example(&self) -> &str {
        &self.texts[2]
    }

    /// Where the vendor explains this very field.
    #[must_use]
    pub fn guide(&self) -> &str {
        &self.texts[3]
    }

    /// Drawn before the value.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.texts[4]
    }

    /// Drawn after the value.
    #[must_use]
    pub fn suffix(&self) -> &str {
        &self.texts[5]
    }

    /// JavaScript regular expression that advises.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.texts[6]
    }

    /// What the advice engine needs to know.
    #[must_use]
    pub fn shape(&self) -> FieldShape<'_> {
        let (prefix, suffix) = (self.prefix(), self.suffix());
        FieldShape { name: &self.name, kind: self.kind, prefix, suffix }
    }
}

/// A form, ready to be drawn.
#[derive(Debug, Clone)]
pub struct Form {
    /// Which route takes it.
    pub mode: AuthMode,
    /// The integration's id.
    pub integration: String,
    /// The name that titles show.
    pub provider_name: String,
    /// Address of a logo.
    pub logo: String,
    /// In the order of the screen, hidden ones included.
    pub fields: Vec<Field>,
    /// How to find the key, step by step.
    pub steps: Vec<String>,
    /// The vendor's or the integrator's guide.
    pub guide: String,
    /// What keys of this provider look like.
    pub key_shapes: Vec<KeyShape>,
}

/// What may not be sent, by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused by the advice engine: nothing there, cannot travel, cannot be an address.
    Refused(Refusal),
    /// Not one of the choices.
    NotAChoice,
}

/// What became of one answer.
pub struct Checked {
    /// The repair that applies on submit, when there is one.
    pub repair: Option<Repair>,
    /// Why it cannot be sent.
    pub fault: Option<Fault>,
}

impl Form {
    /// Builds the form from the answers of the server: the provider's template, the integration and
    /// the session, in the shapes of the wire.
    ///
    /// The session's presets and the caller's `params` both hide their field; only the latter are
    /// sent (the server knows the former).
    ///
    /// # Errors
    /// [`AuthErrorCode::InvalidAuthMode`] when the provider takes neither a key nor a password.
    pub fn build<J: Json>(
        template: &J,
        integration: &J,
        session: &J,
        params: &[(String, String)],
    ) -> Result<Form, AuthErrorCode> {
        let mode = AuthMode::from_wire(&template.text("auth_mode"))
            .ok_or(AuthErrorCode::InvalidAuthMode)?;
        let key = integration.text("unique_key");
        let own_guide = session.get("overrides").get(&key).text("docs_connect");
        let guide = or(own_guide.clone(), template, "docs_connect");
        // An override names one page; a section of the vendor's page means nothing there.
        let section_base = if own_guide.is_empty() { guide.as_str() } else { "" };

        let mut fields = Vec::new();
        let mut rank = 99;
        let generic: &[&str] = match mode {
            AuthMode::ApiKey => &["apiKey"],
            AuthMode::Basic => &["username", "password"],
        };
        for name in generic {
            let spec = template.get("credentials").get(name);
            rank += 1;
            let mut field = Field::from_spec(name, &spec, true, section_base, rank);
            let label = integration.get("credentials_label").text(name);
            if !label.is_empty() {
                field.texts[0] = label;
                field.texts[1].clear();
            }
            insert(&mut fields, field);
        }
        let defaults = session.get("integrations_config_defaults").get(&key);
        let preset = defaults.get("connection_config").names();
        let configured = integration.texts("preconfigured_connection_config");
        let config = template.get("connection_config");
        for name in config.names() {
            let spec = config.get(&name);
            if spec.get("automated").is_truthy()
                || preset.contains(&name)
                || configured.contains(&name)
                || params.iter().any(|(given, _)| *given == name)
            {
                continue;
            }
            let mut order = spec.number("order");
            if order == 0 {
                rank += 1;
                order = rank;
            }
            insert(&mut fields, Field::from_spec(&name, &spec, false, section_base, order));
        }
        let mut key_shapes = Vec::new();
        for shape in template.get("key_shapes").items() {
            key_shapes.push(KeyShape::read(&shape));
        }

        Ok(Form {
            mode,
            provider_name: or(integration.text("display_name"), template, "display_name"),
            logo: or(integration.text("logo"), template, "logo_url"),
            integration: key,
            fields,
            steps: template.texts("where"),
            guide,
            key_shapes,
        })
    }

    /// Whether anything is left to type.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.iter().all(|field| field.hidden)
    }

    /// Looks at one answer as it is about to be sent.
    ///
    /// `untouched` leaves the value as it is: the person undid a repair of it.
    #[must_use]
    pub fn check(&self, field: &Field, value: &str, untouched: bool) -> Checked {
        if field.hidden {
            return Checked { repair: None, fault: None };
        }
        if !field.choices.is_empty() {
            let fault = if field.choices.iter().any(|choice| choice == value) {
                None
            } else if value.is_empty() {
                (!field.optional).then_some(Fault::Refused(Refusal::Empty))
            } else {
                Some(Fault::NotAChoice)
            };
            return Checked { repair: None, fault };
        }
        let shape = field.shape();
        let repair = if untouched || matches!(field.kind, Kind::Password) {
            None
        } else {
            let repair = advice::repair(&shape, value);
            repair.found_something().then_some(repair)
        };
        let sent = repair.as_ref().map_or(value, |repair| repair.value.as_str());
        let fault = advice::refuse(&shape, sent, field.optional).map(Fault::Refused);
        Checked { repair, fault }
    }

    /// The JSON body of the post, as a text that wipes itself.
    ///
    /// `answers` go with [`Form::fields`] one to one; `fixed` are the caller's presets. With `keyslot`, params, the connection id and
    /// the wish to store unchecked travel in the body; a stock server takes them in the query
    /// ([`Form::params`]) or not at all.
    #[must_use]
    pub fn body(
        &self,
        answers: &[Value],
        fixed: &[(String, String)],
        keyslot: bool,
        connection_id: Option<&str>,
        unchecked: bool,
    ) -> Value {
        let params = self.params(answers, fixed);
        // One allocation, large enough: growing would leave copies of the key behind.
        let mut size = 64 + connection_id.map_or(0, str::len);
        for (field, value) in self.fields.iter().zip(answers) {
            size += field.name.len() + field.sent(value).len() + 2;
        }
        for (name, value) in &params {
            size += name.len() + value.len() + 2;
        }
        let mut json = JsonObject::new(size * 6);
        for (field, value) in self.fields.iter().zip(answers) {
            if field.credential {
                json.string(&field.name, field.sent(value));
            }
        }
        if keyslot {
            json.raw("params", "{");
            for (name, value) in params {
                json.string(name, value);
            }
            json.0.push('}');
            if let Some(id) = connection_id {
                json.string("connection_id", id);
            }
            if unchecked {
                json.raw("store_unverified", "true");
            }
        }
        json.finish()
    }

    /// The connection config to send: the caller's presets and every filled or hidden field, and the default of
    /// one that was left blank.
    #[must_use]
    pub fn params<'a>(
        &'a self,
        answers: &'a [Value],
        fixed: &'a [(String, String)],
    ) -> Vec<(&'a str, &'a str)> {
        let mut params = Vec::new();
        for (name, value) in fixed {
            params.push((name.as_str(), value.as_str()));
        }
        for (field, value) in self.fields.iter().zip(answers) {
            let value = field.sent(value);
            if !field.credential && !value.is_empty() {
                params.push((field.name.as_str(), value));
            }
        }
        params
    }
}

impl Field {
    /// What goes out for an answer: a blank one stands for the default. A stock server fills in none.
    fn sent<'a>(&'a self, answer: &'a str) -> &'a str {
        if answer.is_empty() { &self.initial } else { answer }
    }

    fn from_spec(name: &str, spec: &impl Json, credential: bool, docs: &str, rank: i32) -> Field {
        let flag = |name: &str| spec.get(name).is_truthy();
        let default = spec.optional("default_value");
        let mut field = Field {
            name: name.to_owned(),
            credential,
            kind: Kind::Plain,
            secret: flag("secret") || (credential && name != "username"),
            // A default may be emptied, the wire says.
            optional: flag("optional") || default.is_some(),
            choices: spec.texts("enum"),
            initial: default.unwrap_or_default(),
            hidden: flag("hidden"),
            rank,
            texts: TEXTS.map(|name| spec.text(name)),
        };
        let format = spec.text("format");
        field.kind = if credential && name == "password" {
            Kind::Password
        } else if credential && !field.secret {
            Kind::Username
        } else if !credential && format == "hostname" && !has_path(field.pattern()) {
            Kind::Hostname
        } else if !credential && format == "uri" {
            Kind::Url
        } else if field.secret {
            Kind::Key
        } else if field.suffix().as_bytes().first() == Some(&b'.') {
            Kind::Subdomain
        } else if field.prefix().as_bytes().last() == Some(&b'/') {
            // `dev.azure.com/myorg`: the path is part of what the template asks for.
            if has_path(field.example()) || has_path(field.pattern()) {
                Kind::Url
            } else {
                Kind::Hostname
            }
        } else {
            Kind::Plain
        };
        // A choice that must be made starts with the first one, as the wire's own UI does.
        if !field.optional
            && !field.hidden
            && let Some(first) = field.choices.first()
        {
            field.initial.push_str(first);
        }
        if !field.guide().is_empty() {
            field.texts[3] =
                if docs.is_empty() { String::new() } else { joined(&[docs, field.guide()]) };
        }
        field
    }
}

/// Whether an example or a pattern of an address goes on after the host: whether it has a slash other than
/// the two of `://`, which patterns write `:\/\/`.
fn has_path(text: &str) -> bool {
    let (mut last, mut first_of_two) = (0, false);
    for byte in text.bytes() {
        if byte == b'\\' {
            continue;
        }
        if first_of_two && byte == b'/' {
            first_of_two = false;
        } else if first_of_two || (byte == b'/' && last != b':') {
            return true;
        } else {
            first_of_two = byte == b'/';
        }
        last = byte;
    }
    first_of_two
}

/// The first text, or a member of `other` where it is empty.
fn or(text: String, other: &impl Json, name: &str) -> String {
    if text.is_empty() { other.text(name) } else { text }
}

/// Keeps `fields` in order; equal ranks stay in the order of the template. A form has a handful of
/// fields: this is smaller than the standard library's sort, which would be in the module for it.
fn insert(fields: &mut Vec<Field>, field: Field) {
    let mut at = 0;
    while fields.get(at).is_some_and(|other| other.rank <= field.rank) {
        at += 1;
    }
    fields.insert(at, field);
}

/// Writes one flat JSON object (RFC 8259) into a text that is wiped when dropped.
struct JsonObject(Value);

impl JsonObject {
    fn new(capacity: usize) -> Self {
        let mut json = JsonObject(Zeroizing::new(String::with_capacity(capacity)));
        json.0.push('{');
        json
    }

    fn key(&mut self, name: &str) {
        if self.0.as_bytes().last() != Some(&b'{') {
            self.0.push(',');
        }
        self.quoted(name);
        self.0.push(':');
    }

    fn string(&mut self, name: &str, value: &str) {
        self.key(name);
        self.quoted(value);
    }

    fn raw(&mut self, name: &str, json: &str) {
        self.key(name);
        self.0.push_str(json);
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            if c < ' ' {
                self.0.push_str("\\u00");
                push_hex(&mut self.0, c as u8);
            } else {
                if matches!(c, '"' | '\\') {
                    self.0.push('\\');
                }
                self.0.push(c);
            }
        }
        self.0.push('"');
    }

    fn finish(mut self) -> Value {
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json5, json};

    fn form(template: Json5, session: Json5) -> Form {
        let integration = json!({"unique_key": "acme", "display_name": "Acme"});
        Form::build(&template, &integration, &session, &[]).unwrap()
    }

    fn names(form: &Form) -> Vec<&str> {
        form.fields.iter().map(|field| field.name.as_str()).collect()
    }

    fn answers(form: &Form) -> Vec<Value> {
        form.fields.iter().map(|field| field.initial.clone().into()).collect()
    }

    #[test]
    fn ordered_config_comes_first_then_credentials_then_the_rest() {
        let form = form(
            json!({"auth_mode": "BASIC", "connection_config": {
                "late": {}, "second": {"order": 2}, "first": {"order": 1}, "later": {"order": 0}
            }}),
            json!({}),
        );
        assert_eq!(names(&form), ["first", "second", "username", "password", "late", "later"]);
    }

    #[test]
    fn presets_and_automated_fields_are_left_out_and_a_preset_may_be_empty() {
        let form = form(
            json!({"auth_mode": "API_KEY", "connection_config": {
                "preset": {}, "auto": {"automated": true}, "asked": {}
            }}),
            json!({"integrations_config_defaults": {"acme": {"connection_config": {"preset": ""}}}}),
        );
        assert_eq!(names(&form), ["apiKey", "asked"]);
    }

    #[test]
    fn another_auth_mode_is_not_ours() {
        let oauth = json!({"auth_mode": "OAUTH2"});
        let built = Form::build(&oauth, &json!({}), &json!({}), &[]);
        assert_eq!(built.err(), Some(AuthErrorCode::InvalidAuthMode));
    }

    #[test]
    fn a_key_in_the_user_name_is_a_key_and_the_hidden_password_is_sent_as_it_is() {
        let form = form(
            json!({"auth_mode": "BASIC", "credentials": {
                "username": {"title": "API key", "secret": true},
                "password": {"hidden": true, "default_value": "X"}
            }}),
            json!({}),
        );
        assert_eq!(form.fields[0].kind, Kind::Key);
        assert!(form.fields[1].hidden);
        let mut answers = answers(&form);
        answers[0] = Value::new("k\"1\u{1}".into());
        let body = form.body(&answers, &[], false, Some("ignored by a stock server"), true);
        assert_eq!(
            serde_json::from_str::<Json5>(&body).unwrap(),
            json!({"username": "k\"1\u{1}", "password": "X"})
        );
    }

    #[test]
    fn a_keyslot_server_gets_params_and_connection_id_in_the_body() {
        let form = form(
            json!({"auth_mode": "API_KEY", "connection_config": {
                "subdomain": {"suffix": ".acme.com"}, "empty": {"optional": true}
            }}),
            json!({}),
        );
        let fixed = [("region".to_owned(), "eu".to_owned())];
        let mut answers = answers(&form);
        answers[0] = Value::new("key".into());
        answers[1] = Value::new("shop".into());
        let body = form.body(&answers, &fixed, true, Some("user-42"), true);
        assert_eq!(
            serde_json::from_str::<Json5>(&body).unwrap(),
            json!({"apiKey": "key", "params": {"region": "eu", "subdomain": "shop"},
                   "connection_id": "user-42", "store_unverified": true})
        );
        assert_eq!(form.fields[1].kind, Kind::Subdomain);
    }

    #[test]
    fn the_body_is_written_into_one_allocation() {
        let form = form(json!({"auth_mode": "API_KEY"}), json!({}));
        let long = Value::new("\u{7}".repeat(4096));
        let body = form.body(std::slice::from_ref(&long), &[], true, Some(&"c".repeat(255)), true);
        let roomy = form.body(&[Value::new(String::new())], &[], true, None, false);
        assert!(body.capacity() >= body.len() && body.len() > 6 * 4096);
        assert!(roomy.capacity() >= roomy.len());
    }

    #[test]
    fn checking_repairs_refuses_and_leaves_alone_what_was_undone() {
        let form = form(
            json!({"auth_mode": "API_KEY", "connection_config": {"region": {"enum": ["eu", "us"]}}}),
            json!({}),
        );
        let key = &form.fields[0];
        let repaired = form.check(key, "  abc12345  ", false);
        assert_eq!(repaired.repair.unwrap().value.as_str(), "abc12345");
        assert!(form.check(key, "  abc12345  ", true).repair.is_none());
        assert_eq!(form.check(key, "", false).fault, Some(Fault::Refused(Refusal::Empty)));
        let region = &form.fields[1];
        assert_eq!(region.initial, "eu");
        assert_eq!(form.check(region, "mars", false).fault, Some(Fault::NotAChoice));
        assert_eq!(form.check(region, "us", false).fault, None);
    }

    #[test]
    fn a_path_that_the_template_asks_for_is_not_cut_off() {
        for (spec, pasted, kept) in [
            (
                json!({"example": "dev.azure.test/myorg or x.test"}),
                "https://dev.azure.test/me",
                "dev.azure.test/me",
            ),
            (
                json!({"example": "acme.fresh.test/crm/sales"}),
                "acme.fresh.test/crm/sales",
                "acme.fresh.test/crm/sales",
            ),
            (
                json!({"pattern": r"^[a-z.]+\/scim\/.+$"}),
                "api.test/scim/v2/a",
                "api.test/scim/v2/a",
            ),
            (
                json!({"pattern": r"^[a-z.]+(?::\d+(?:/[-a-z]*)*)?$"}),
                "eu10.test:443/sap/",
                "eu10.test:443/sap/",
            ),
            (
                json!({"pattern": r"^[a-z.]+(:\d+)?$"}),
                "https://splunk.test:8089/app",
                "splunk.test:8089",
            ),
            (
                json!({"pattern": r"^(https?:\/\/)?[a-z.]+$", "example": "https://a.test"}),
                "a.test/x",
                "a.test",
            ),
            (
                json!({"format": "hostname", "pattern": r"^[a-z.]+\/crm\/sales$"}),
                "acme.fresh.test/crm/sales",
                "acme.fresh.test/crm/sales",
            ),
            (
                json!({"format": "hostname", "example": "a.test/x"}),
                "h.example.test:8443/x",
                "h.example.test:8443",
            ),
        ] {
            let mut spec = spec;
            spec["prefix"] = json!("https://");
            let form = form(
                json!({"auth_mode": "API_KEY", "connection_config": {"host": spec}}),
                json!({}),
            );
            let checked = form.check(&form.fields[1], pasted, false);
            let sent = checked.repair.map_or(pasted.to_owned(), |repair| repair.value.to_string());
            assert_eq!(sent, kept, "{spec}");
            assert_eq!(checked.fault, None, "{spec}");
        }
    }

    #[test]
    fn an_override_of_the_guide_drops_the_vendor_s_sections() {
        let template = json!({"auth_mode": "API_KEY", "docs_connect": "https://v.example/g",
            "credentials": {"apiKey": {"doc_section": "#step-1"}}});
        let vendor = form(template.clone(), json!({}));
        assert_eq!(vendor.fields[0].guide(), "https://v.example/g#step-1");
        let own = json!({"overrides": {"acme": {"docs_connect": "https://i.example"}}});
        let replaced = form(template, own);
        assert_eq!(
            (replaced.guide.as_str(), replaced.fields[0].guide()),
            ("https://i.example", "")
        );
    }
}
