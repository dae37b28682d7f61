//! From a provider's template to a form, and from a filled form to what is posted.
//!
//! Which fields there are, in which order, what they start with, which are on screen, what stands
//! against sending them: the rules of `nango-wire` (§3.4 to §3.8 of the wire notes) with one change:
//! a `pattern` only advises. Drawing is the widget's business, wording too.

use crate::advice::{self, FieldShape, KeyShape, Kind, Refusal, Repair};
use crate::error::AuthErrorCode;
use crate::template::{AuthMode, FieldSpec, Template};
use crate::wire::{Integration, Presets};
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
    /// Label; empty means the generic word for `name`.
    pub title: String,
    /// Help under the label.
    pub description: String,
    /// Placeholder.
    pub example: String,
    /// Where the vendor explains this very field; may be empty, like all texts here.
    pub guide: String,
    /// What the field is for.
    pub kind: Kind,
    /// Masked, with a button to show it.
    pub secret: bool,
    /// May stay empty.
    pub optional: bool,
    /// The only values there are; empty when any text may be typed.
    pub choices: Vec<String>,
    /// Drawn before the value.
    pub prefix: Option<String>,
    /// Drawn after the value.
    pub suffix: Option<String>,
    /// JavaScript regular expression that advises.
    pub pattern: String,
    /// First value.
    pub initial: String,
    /// Not on screen; `initial` is sent as it is.
    pub hidden: bool,
}

impl Field {
    /// What the advice engine needs to know.
    #[must_use]
    pub fn shape(&self) -> FieldShape<'_> {
        FieldShape {
            name: &self.name,
            kind: self.kind,
            prefix: self.prefix.as_deref(),
            suffix: self.suffix.as_deref(),
        }
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
    /// The caller's presets: sent, never shown.
    pub fixed: Vec<(String, String)>,
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
    /// Builds the form.
    ///
    /// `presets` come from the session, `params` from the caller; both hide their field, only the
    /// latter are sent (the server knows the former). `guide` replaces the vendor's.
    ///
    /// # Errors
    /// [`AuthErrorCode::InvalidAuthMode`] when the provider takes neither a key nor a password.
    pub fn build(
        template: Template,
        integration: &Integration,
        presets: Option<&Presets>,
        params: &[(String, String)],
        guide: String,
    ) -> Result<Form, AuthErrorCode> {
        let mode =
            AuthMode::from_wire(&template.auth_mode).ok_or(AuthErrorCode::InvalidAuthMode)?;
        // An override names one page; a section of the vendor's page means nothing there.
        let section_base =
            if guide.is_empty() { template.docs_connect.clone() } else { String::new() };

        let mut ranked: Vec<(i32, Field)> = Vec::new();
        let mut next = 99;
        let mut rank = || {
            next += 1;
            next
        };
        let generic: &[&str] = match mode {
            AuthMode::ApiKey => &["apiKey"],
            AuthMode::Basic => &["username", "password"],
        };
        for name in generic {
            let spec = template.credentials.get(name).cloned().unwrap_or_default();
            let mut field = Field::from_spec(name, spec, true, &section_base);
            if let Some(label) = integration.credentials_label.get(name) {
                field.title.clone_from(label);
                field.description.clear();
            }
            insert(&mut ranked, rank(), field);
        }
        let is_preset = |name: &str| {
            presets.is_some_and(|p| p.connection_config.get(name).is_some())
                || params.iter().any(|(key, _)| key == name)
                || integration.preconfigured_connection_config.iter().any(|key| key == name)
        };
        for (name, spec) in template.connection_config.0 {
            if spec.automated || is_preset(&name) {
                continue;
            }
            let at = if spec.order == 0 { rank() } else { spec.order };
            insert(&mut ranked, at, Field::from_spec(&name, spec, false, &section_base));
        }

        let or = |first: &str, second: String| {
            if first.is_empty() { second } else { first.to_owned() }
        };
        Ok(Form {
            mode,
            provider_name: or(&integration.display_name, template.display_name),
            logo: or(&integration.logo, template.logo_url),
            integration: integration.unique_key.clone(),
            fields: ranked.into_iter().map(|(_, field)| field).collect(),
            steps: template.steps,
            guide: or(&guide, template.docs_connect),
            key_shapes: template.key_shapes,
            fixed: params.to_vec(),
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
            let known = field.choices.iter().any(|choice| choice == value);
            let fault =
                (!known && !(field.optional && value.is_empty())).then_some(if value.is_empty() {
                    Fault::Refused(Refusal::Empty)
                } else {
                    Fault::NotAChoice
                });
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

    /// The JSON body of the post, as bytes that wipe themselves.
    ///
    /// `answers` go with [`Form::fields`] one to one. With `keyslot`, params, the connection id and
    /// the wish to store unchecked travel in the body; a stock server takes them in the query
    /// ([`Form::params`]) or not at all.
    #[must_use]
    pub fn body(
        &self,
        answers: &[Value],
        keyslot: bool,
        connection_id: Option<&str>,
        unchecked: bool,
    ) -> Zeroizing<Vec<u8>> {
        // One allocation, large enough: growing would leave copies of the key behind.
        let typed = self.fields.iter().zip(answers).map(|(f, value)| (f.name.len(), value.len()));
        let fixed = self.fixed.iter().map(|(name, value)| (name.len(), value.len()));
        let size: usize = typed.chain(fixed).map(|(name, value)| (name + value) * 6 + 8).sum();
        let mut json = JsonObject::new(size + connection_id.map_or(0, str::len) * 6 + 128);
        for (field, value) in self.fields.iter().zip(answers) {
            if field.credential {
                json.string(&field.name, value);
            }
        }
        if keyslot {
            json.open("params");
            for (name, value) in self.params(answers) {
                json.string(name, value);
            }
            json.close();
            if let Some(id) = connection_id {
                json.string("connection_id", id);
            }
            if unchecked {
                json.raw("store_unverified", "true");
            }
        }
        json.finish()
    }

    /// The connection config to send: the caller's presets and every filled or hidden field.
    pub fn params<'a>(
        &'a self,
        answers: &'a [Value],
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        let typed = self
            .fields
            .iter()
            .zip(answers)
            .filter(|(field, value)| !field.credential && !value.is_empty())
            .map(|(field, value)| (field.name.as_str(), value.as_str()));
        self.fixed.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(typed)
    }
}

impl Field {
    fn from_spec(name: &str, spec: FieldSpec, credential: bool, docs: &str) -> Field {
        let secret = spec.secret || (credential && name != "username");
        let kind = match (credential, name, spec.format.as_str()) {
            (true, "password", _) => Kind::Password,
            (true, "username", _) if !secret => Kind::Username,
            (true, ..) => Kind::Key,
            (false, _, "hostname") => Kind::Hostname,
            (false, _, "uri") => Kind::Url,
            _ if secret => Kind::Key,
            _ if spec.suffix.as_deref().is_some_and(|s| s.starts_with('.')) => Kind::Subdomain,
            _ if spec.prefix.as_deref().is_some_and(|p| p.ends_with("//")) => Kind::Hostname,
            _ => Kind::Plain,
        };
        // A default may be emptied, the wire says.
        let optional = spec.optional || spec.default_value.is_some();
        let initial = match spec.default_value {
            Some(value) => value,
            // A choice that must be made starts with the first one, as the wire's own UI does.
            None if !optional && !spec.hidden => spec.choices.first().cloned().unwrap_or_default(),
            None => String::new(),
        };
        let mut guide = String::new();
        if !docs.is_empty() && !spec.doc_section.is_empty() {
            guide.push_str(docs);
            guide.push_str(&spec.doc_section);
        }
        Field {
            name: name.to_owned(),
            credential,
            title: spec.title,
            description: spec.description,
            example: spec.example,
            guide,
            kind,
            secret,
            optional,
            choices: spec.choices,
            prefix: spec.prefix,
            suffix: spec.suffix,
            pattern: spec.pattern,
            initial,
            hidden: spec.hidden,
        }
    }
}

/// Keeps `ranked` in order; equal ranks stay in the order of the template. A form has a handful of
/// fields: this is smaller than the standard library's sort, which would be in the module for it.
fn insert(ranked: &mut Vec<(i32, Field)>, rank: i32, field: Field) {
    let at = ranked.iter().take_while(|(other, _)| *other <= rank).count();
    ranked.insert(at, (rank, field));
}

/// Writes one flat JSON object (RFC 8259) into a buffer that is wiped when dropped.
struct JsonObject(Zeroizing<Vec<u8>>);

impl JsonObject {
    fn new(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.push(b'{');
        JsonObject(Zeroizing::new(bytes))
    }

    fn key(&mut self, name: &str) {
        if self.0.last() != Some(&b'{') {
            self.0.push(b',');
        }
        self.quoted(name);
        self.0.push(b':');
    }

    fn string(&mut self, name: &str, value: &str) {
        self.key(name);
        self.quoted(value);
    }

    fn raw(&mut self, name: &str, json: &str) {
        self.key(name);
        self.0.extend_from_slice(json.as_bytes());
    }

    fn open(&mut self, name: &str) {
        self.key(name);
        self.0.push(b'{');
    }

    fn close(&mut self) {
        self.0.push(b'}');
    }

    fn quoted(&mut self, text: &str) {
        const HEX: [u8; 16] = *b"0123456789abcdef";
        self.0.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', byte]),
                0..0x20 => {
                    let low = HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
                    self.0.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
                }
                _ => self.0.push(byte),
            }
        }
        self.0.push(b'"');
    }

    fn finish(mut self) -> Zeroizing<Vec<u8>> {
        self.0.push(b'}');
        self.0
    }
}
