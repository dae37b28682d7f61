//! The catalogue, read by the dialog's advice: what a vendor's key looks like must not be called wrong.

use std::fmt::Write as _;

use keyslot_core::advice::{Notice, recognise, refuse, repair};
use keyslot_core::form::Form;
use keyslot_core::json::Json;
use keyslot_providers::Catalogue;
use serde_json::{Value, json};

/// A template as it is sent; the widget reads the browser's objects.
struct Sent(Value);

impl Json for Sent {
    fn get(&self, name: &str) -> Self {
        Sent(self.0.get(name).cloned().unwrap_or_default())
    }
    fn as_text(&self) -> Option<String> {
        self.0.as_str().map(ToOwned::to_owned)
    }
    fn as_number(&self) -> Option<i32> {
        self.0.as_i64().and_then(|number| number.try_into().ok())
    }
    fn is_truthy(&self) -> bool {
        !matches!(self.0, Value::Null | Value::Bool(false)) && self.0.as_str() != Some("")
    }
    fn names(&self) -> Vec<String> {
        self.0.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default()
    }
    fn items(&self) -> Vec<Self> {
        self.0.as_array().map(|a| a.iter().cloned().map(Sent).collect()).unwrap_or_default()
    }
}

#[test]
fn a_valid_sample_is_left_alone_and_raises_no_notice_and_an_invalid_one_is_noticed() {
    let (mut wrong, mut judged) = (String::new(), 0);
    for provider in Catalogue::embedded().iter() {
        let integration =
            json!({"unique_key": provider.name, "display_name": provider.display_name});
        let form = Form::build(
            &Sent(provider.template.clone()),
            &Sent(integration),
            &Sent(Value::Null),
            &[],
        )
        .expect("a key or a password");
        for field in &form.fields {
            let Some(samples) = provider.samples.get(&field.name) else { continue };
            let pattern = provider
                .credentials
                .iter()
                .chain(&provider.connection_config)
                .find(|one| one.name == field.name)
                .and_then(|one| one.pattern.as_ref());
            let shape = field.shape();
            let notice = |text| recognise(&shape, text, &form.key_shapes, &form.provider_name);
            let mut say = |text: &str, what: &str| {
                writeln!(wrong, "{} {}: {text:?} {what}", provider.name, field.name).unwrap();
            };
            for text in &samples.valid {
                judged += 1;
                let repaired = repair(&shape, text);
                if !field.choices.is_empty() {
                    continue;
                }
                if *repaired.value != *text {
                    say(text, &format!("is repaired: {:?}", *repaired.value));
                }
                if let Some(refusal) = refuse(&shape, text, field.optional) {
                    say(text, &format!("is refused: {refusal:?}"));
                }
                // That it is a test key is worth saying, and nothing wrong with it.
                match notice(text) {
                    None | Some(Notice::TestKey) => {}
                    Some(notice) => say(text, &format!("is called {notice:?}")),
                }
            }
            for text in &samples.invalid {
                judged += 1;
                let noticed = !repair(&shape, text).removed.is_empty()
                    || refuse(&shape, text, field.optional).is_some()
                    || notice(text).is_some()
                    || !field.choices.is_empty()
                    || pattern.is_some_and(|pattern| pattern.matches(text) == Some(false));
                if !noticed {
                    say(text, "passes unnoticed");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "of {judged}:\n{wrong}");
    assert!(judged > 350, "only {judged} samples");
}
