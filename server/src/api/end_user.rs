//! Whose connection it is: the `end_user`, `organization` and `tags` of several requests, and how they
//! become each other.

use serde_json::{Value, json};

use crate::{
    fields::{Fields, Length, SHORT},
    issue::Issue,
    model::{EndUser, Organization, Owner, SessionTerms, Tags, Target},
};

/// The most tags of one object.
const TAGS_MAX: usize = 10;
const TAG_KEY_MAX: usize = 64;
const TAG_KEY_PATTERN: &str = "^[a-zA-Z][a-zA-Z0-9_\\-./]*$";

/// What a request says about whose connection it is.
#[derive(Default)]
pub(crate) struct Whose {
    /// The end user.
    pub end_user: Option<EndUser>,
    /// Labels, those that follow from the end user included; `None` when nothing was said.
    pub tags: Option<Tags>,
}

impl Whose {
    /// Reads `end_user`, `organization` and `tags`.
    pub(crate) fn read(fields: &mut Fields) -> Self {
        let organization = fields.optional_fields("organization", organization);
        let end_user = fields.optional_fields("end_user", |fields| {
            let id = fields.string("id", SHORT);
            let email = email(fields, "email");
            let display_name = fields.optional_string("display_name", Length { min: 0, max: 255 });
            let tags = tags(fields, "tags");
            Some(EndUser { id: id?, email, display_name, tags, organization: organization.clone() })
        });
        let explicit = tags(fields, "tags");
        if let Some(address) = explicit.as_ref().and_then(|tags| tags.get("end_user_email"))
            && !is_email(address)
        {
            let mut path = fields.path_of("tags");
            path.push("end_user_email".to_owned());
            fields.refuse(Issue::format(path, "email address"));
        }
        let said = explicit.is_some() || end_user.is_some() || organization.is_some();
        let tags = said.then(|| {
            derive(end_user.as_ref(), organization.as_ref(), explicit.unwrap_or_default())
        });
        Self { end_user, tags }
    }

    /// Who may replace the connection by name.
    pub(crate) fn owner(&self) -> Option<Owner> {
        // The rule is the session's; ask it there, so that there is one.
        SessionTerms {
            target: Target::Unbound,
            allowed_integrations: None,
            multiple: false,
            allow_unverified: false,
            end_user: self.end_user.clone(),
            tags: self.tags.clone(),
            docs_connect: Default::default(),
            webhook_url_override: None,
        }
        .owner()
    }
}

/// An end user as clients read it.
pub(crate) fn view(end_user: Option<&EndUser>) -> Value {
    let Some(user) = end_user else { return Value::Null };
    json!({
        "id": user.id,
        "display_name": user.display_name,
        "email": user.email,
        "tags": user.tags,
        "organization": user.organization.as_ref().map(|organization| json!({
            "id": organization.id,
            "display_name": organization.display_name,
        })),
    })
}

fn organization(fields: &mut Fields) -> Option<Organization> {
    let id = fields.string("id", SHORT);
    let display_name = fields.optional_string("display_name", Length { min: 0, max: 255 });
    Some(Organization { id: id?, display_name })
}

fn email(fields: &mut Fields, key: &str) -> Option<String> {
    let address = fields.optional_string(key, Length { min: 0, max: 255 })?;
    if !is_email(&address) {
        fields.refuse(Issue::format(fields.path_of(key), "email address"));
    }
    if address.chars().count() < 5 {
        fields.refuse(Issue::too_short(fields.path_of(key), 5));
    }
    Some(address)
}

/// Good enough to catch a slip: whether mail arrives is not decided here.
fn is_email(text: &str) -> bool {
    match text.split_once('@') {
        Some((local, domain)) => {
            !local.is_empty()
                && domain.contains('.')
                && domain.split('.').all(|label| !label.is_empty())
                && !text.contains(|c: char| c.is_whitespace() || c.is_control())
                && !domain.contains('@')
        }
        None => false,
    }
}

fn tags(fields: &mut Fields, key: &str) -> Option<Tags> {
    let given = fields.optional_strings(key, SHORT)?;
    if given.len() > TAGS_MAX {
        fields.refuse(Issue::custom(
            fields.path_of(key),
            format!("At most {TAGS_MAX} tags are allowed"),
        ));
        return None;
    }
    let mut tags = Tags::new();
    for (name, value) in given {
        let mut path = fields.path_of(key);
        path.push(name.clone());
        let mut characters = name.chars();
        let starts = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
        if !starts || !characters.all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c)) {
            fields.refuse(Issue::pattern(path, TAG_KEY_PATTERN));
        } else if name.len() > TAG_KEY_MAX {
            fields.refuse(Issue::too_long(path, TAG_KEY_MAX));
        } else if tags.insert(name.to_ascii_lowercase(), value).is_some() {
            fields.refuse(Issue::custom(path, "Two tags are the same when lower-cased"));
        }
    }
    Some(tags)
}

/// The labels that follow from an end user, beside those that were given, which win. When there would
/// be more than ten, the end user's own labels are left out.
fn derive(end_user: Option<&EndUser>, organization: Option<&Organization>, explicit: Tags) -> Tags {
    let mut all = explicit;
    let mut add = |key: &str, value: Option<&String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            all.entry(key.to_owned()).or_insert_with(|| value.clone());
        }
    };
    if let Some(user) = end_user {
        add("end_user_id", Some(&user.id));
        add("end_user_email", user.email.as_ref());
        add("end_user_display_name", user.display_name.as_ref());
    }
    if let Some(organization) = organization {
        add("organization_id", Some(&organization.id));
        add("organization_display_name", organization.display_name.as_ref());
    }
    for (key, value) in end_user.and_then(|user| user.tags.as_ref()).into_iter().flatten() {
        if all.len() < TAGS_MAX {
            all.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    fn read(body: Value) -> Result<Whose, ApiError> {
        let mut fields = Fields::of_body(Some(body))?;
        let whose = Whose::read(&mut fields);
        fields.finish().map(|()| whose)
    }

    fn codes(body: Value) -> Vec<(String, String)> {
        match read(body) {
            Err(ApiError::Invalid(_, issues)) => {
                issues.into_iter().map(|issue| (issue.path.join("."), issue.message)).collect()
            }
            _ => vec![],
        }
    }

    #[test]
    fn tags_follow_from_the_end_user_and_given_ones_win() {
        let whose = read(json!({
            "end_user": {"id": "u1", "email": "a@b.co", "tags": {"Plan": "pro"}},
            "organization": {"id": "o1"},
            "tags": {"END_USER_ID": "other"},
        }))
        .unwrap();
        let tags = whose.tags.unwrap();
        assert_eq!(tags["end_user_id"], "other");
        assert_eq!(tags["end_user_email"], "a@b.co");
        assert_eq!(tags["organization_id"], "o1");
        assert_eq!(tags["plan"], "pro");
    }

    #[test]
    fn nothing_said_is_not_the_same_as_no_tags() {
        assert!(read(json!({})).unwrap().tags.is_none());
        assert_eq!(read(json!({"tags": {}})).unwrap().tags, Some(Tags::new()));
    }

    #[test]
    fn a_bad_address_is_reported_as_existing_clients_know_it() {
        assert_eq!(
            codes(json!({"end_user": {"id": "u", "email": "nope"}})),
            [
                ("end_user.email".to_owned(), "Invalid email address".to_owned()),
                (
                    "end_user.email".to_owned(),
                    "Too small: expected string to have >=5 characters".to_owned()
                ),
            ]
        );
        assert_eq!(codes(json!({"tags": {"end_user_email": "nope"}}))[0].0, "tags.end_user_email");
    }

    #[test]
    fn an_address_has_a_name_and_a_domain_of_labels_and_nothing_that_cannot_be_seen() {
        for good in ["a@b.co", "ada.l+x@mail.acme.example", "jürgen@bücher.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "@b.co", "a@b", "a@.co", "a@b.", "a@b..co", "a b@c.de", "a@b@c.de"] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(!is_email("a\u{7}@b.co") && !is_email("a@b\u{87}.co"));
    }

    #[test]
    fn tag_keys_keep_to_their_alphabet_and_number() {
        assert_eq!(codes(json!({"tags": {"1a": "x"}}))[0].0, "tags.1a");
        assert_eq!(codes(json!({"tags": {"a b": "x"}}))[0].0, "tags.a b");
        assert_eq!(
            codes(json!({"tags": {"A": "x", "a": "y"}}))[0].1,
            "Two tags are the same when lower-cased"
        );
        let many: Tags = (0..11).map(|n| (format!("t{n}"), "x".to_owned())).collect();
        assert_eq!(codes(json!({"tags": many}))[0].1, "At most 10 tags are allowed");
    }
}
