//! Who may write which connection: the rules that keep one end user of an integrator from overwriting
//! another's connection. Pure, and asked twice: before the provider is called, so that nobody is made
//! to wait for a refusal, and again inside the transaction that stores, where the answer counts.

use crate::{
    ids::ConnectionId,
    model::{Owner, SessionTerms, Target},
};

/// What is known about the connections of one integration when a session wants to write one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The owner of the connection that the request or the session names, when that exists;
    /// `Some(None)` is a connection without an owner.
    pub named: Option<Option<Owner>>,
    /// The connections that this session has made for the integration so far.
    pub made: Vec<String>,
}

/// The id to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This id, new or existing.
    Use(ConnectionId),
    /// A new id that nobody has.
    Fresh,
    /// The session may not use the id that the request names.
    Denied,
    /// The connection that a reconnect session was made for is gone.
    Gone,
}

/// The id whose owner matters for the decision: the one that will be written, if the session names it or
/// it is that of its end user. Of any other id nothing is looked up, so nothing about it can be found out.
pub fn named(terms: &SessionTerms, requested: Option<&ConnectionId>) -> Option<ConnectionId> {
    match requested {
        Some(id) if terms.target.ids().iter().any(|one| one == id.as_str()) => Some(id.clone()),
        Some(id) if terms.target == Target::Unbound && is_end_user(terms, id) => Some(id.clone()),
        Some(_) => None,
        None => terms.target.ids().first().cloned().map(ConnectionId::stored),
    }
}

fn is_end_user(terms: &SessionTerms, id: &ConnectionId) -> bool {
    terms.owner().is_some_and(|owner| owner.end_user == id.as_str())
}

/// Decides which connection a session writes when it asks for `requested`.
///
/// A session that names ids (`connection_id`, `connection_ids`, reconnect) writes those, whoever owns them:
/// the backend said so. One that names none writes the connection with the id of its end user, if that is
/// new or the same end user's, or one under an id that the server makes. A free id is refused like a taken
/// one: whoever takes an id first would be given what the backend later reads under it.
pub fn decide(
    terms: &SessionTerms,
    requested: Option<&ConnectionId>,
    situation: &Situation,
) -> Decision {
    match (&terms.target, requested) {
        (Target::Unbound, None) => match situation.made.first() {
            Some(id) if !terms.multiple => Decision::Use(ConnectionId::stored(id.clone())),
            _ => Decision::Fresh,
        },
        (Target::Unbound, Some(id)) => {
            let mine = situation.made.iter().any(|made| made == id.as_str());
            let second = !terms.multiple && !situation.made.is_empty();
            if mine || (is_end_user(terms, id) && is_free(terms, situation) && !second) {
                Decision::Use(id.clone())
            } else {
                Decision::Denied
            }
        }
        (_, requested) => match (named(terms, requested), &terms.target) {
            (None, _) => Decision::Denied,
            (Some(id), Target::Free(_))
                if !is_free(terms, situation)
                    && !situation.made.iter().any(|made| made == id.as_str()) =>
            {
                Decision::Denied
            }
            (Some(_), Target::Reconnect { .. }) if situation.named.is_none() => Decision::Gone,
            (Some(id), _) => Decision::Use(id),
        },
    }
}

/// Whether the connection that is named is new or the same end user's. One without an owner belongs to no end
/// user.
fn is_free(terms: &SessionTerms, situation: &Situation) -> bool {
    match &situation.named {
        None => true,
        Some(owner) => owner.is_some() && *owner == terms.owner(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EndUser, Organization};

    fn terms(target: Target) -> SessionTerms {
        SessionTerms {
            target,
            allowed_integrations: None,
            multiple: false,
            allow_unverified: false,
            end_user: None,
            tags: None,
            docs_connect: Default::default(),
            webhook_url_override: None,
        }
    }

    fn of(user: &str, organization: Option<&str>) -> SessionTerms {
        SessionTerms {
            end_user: Some(EndUser {
                id: user.into(),
                email: None,
                display_name: None,
                tags: None,
                organization: organization
                    .map(|id| Organization { id: id.into(), display_name: None }),
            }),
            ..terms(Target::Unbound)
        }
    }

    fn id(text: &str) -> ConnectionId {
        ConnectionId::parse(text, vec![]).unwrap()
    }

    fn owned(user: &str, organization: Option<&str>) -> Situation {
        let owner = Owner { end_user: user.into(), organization: organization.map(Into::into) };
        Situation { named: Some(Some(owner)), made: vec![] }
    }

    fn made(ids: &[&str]) -> Situation {
        Situation { named: None, made: ids.iter().map(|id| (*id).into()).collect() }
    }

    #[test]
    fn an_unbound_session_makes_a_fresh_id_and_then_replaces_it() {
        let terms = terms(Target::Unbound);
        assert_eq!(decide(&terms, None, &Situation::default()), Decision::Fresh);
        assert_eq!(decide(&terms, None, &made(&["one"])), Decision::Use(id("one")));
    }

    #[test]
    fn a_session_for_several_makes_a_fresh_id_each_time() {
        let terms = SessionTerms { multiple: true, ..terms(Target::Unbound) };
        assert_eq!(decide(&terms, None, &made(&["one"])), Decision::Fresh);
        assert_eq!(decide(&terms, Some(&id("one")), &made(&["one"])), Decision::Use(id("one")));
        let of_user = SessionTerms { multiple: true, ..of("u1", None) };
        assert_eq!(decide(&of_user, Some(&id("u1")), &made(&["one"])), Decision::Use(id("u1")));
    }

    #[test]
    fn an_unbound_session_may_name_the_id_of_its_end_user_and_no_other() {
        let free = Situation::default();
        let u1 = of("u1", None);
        assert_eq!(decide(&u1, Some(&id("u1")), &free), Decision::Use(id("u1")));
        for other in ["u2", "U1", "new"] {
            assert_eq!(decide(&u1, Some(&id(other)), &free), Decision::Denied, "{other}");
            assert_eq!(named(&u1, Some(&id(other))), None, "nothing is looked up");
        }
        let nobody = terms(Target::Unbound);
        assert_eq!(decide(&nobody, Some(&id("u1")), &free), Decision::Denied);
    }

    #[test]
    fn for_an_id_that_is_not_its_own_a_session_is_denied_whether_it_exists_or_not() {
        let u1 = SessionTerms { multiple: true, ..of("u1", None) };
        let x = id("x");
        for situation in [
            Situation::default(),
            owned("u1", None),
            owned("u2", None),
            Situation { named: Some(None), made: vec![] },
        ] {
            assert_eq!(decide(&u1, Some(&x), &situation), Decision::Denied);
        }
    }

    #[test]
    fn the_connection_of_the_same_id_is_replaced_only_by_the_same_end_user() {
        let mine = owned("u1", Some("o1"));
        let u1 = id("u1");
        assert_eq!(decide(&of("u1", Some("o1")), Some(&u1), &mine), Decision::Use(u1.clone()));
        for stranger in
            [of("u2", Some("o1")), of("u1", Some("o2")), of("u1", None), terms(Target::Unbound)]
        {
            assert_eq!(decide(&stranger, Some(&u1), &mine), Decision::Denied);
        }
    }

    #[test]
    fn a_connection_without_an_owner_belongs_to_no_session() {
        let nobodys = Situation { named: Some(None), made: vec![] };
        for session in [of("u1", None), terms(Target::Unbound)] {
            assert_eq!(decide(&session, Some(&id("u1")), &nobodys), Decision::Denied);
        }
    }

    #[test]
    fn a_session_for_a_list_of_ids_writes_each_of_them_and_no_other() {
        let terms =
            SessionTerms { target: Target::AnyOf(vec!["a".into(), "b".into()]), ..of("u1", None) };
        for situation in [Situation::default(), owned("u9", None), made(&["a"])] {
            assert_eq!(decide(&terms, Some(&id("a")), &situation), Decision::Use(id("a")));
            assert_eq!(decide(&terms, Some(&id("b")), &situation), Decision::Use(id("b")));
            assert_eq!(decide(&terms, None, &situation), Decision::Use(id("a")), "the first");
            for other in ["c", "u1"] {
                assert_eq!(decide(&terms, Some(&id(other)), &situation), Decision::Denied);
            }
        }
    }

    #[test]
    fn a_session_may_replace_what_it_made_itself_but_not_make_a_second_one() {
        let terms = of("y", None);
        let situation = Situation { named: Some(None), made: vec!["x".into()] };
        assert_eq!(decide(&terms, Some(&id("x")), &situation), Decision::Use(id("x")));
        assert_eq!(decide(&terms, Some(&id("y")), &made(&["x"])), Decision::Denied);
    }

    #[test]
    fn a_bound_session_writes_its_one_id_whoever_owns_it() {
        let terms = terms(Target::Bound("b".into()));
        for situation in [Situation::default(), owned("u9", None)] {
            assert_eq!(decide(&terms, None, &situation), Decision::Use(id("b")));
            assert_eq!(decide(&terms, Some(&id("b")), &situation), Decision::Use(id("b")));
            assert_eq!(decide(&terms, Some(&id("c")), &situation), Decision::Denied);
        }
    }

    #[test]
    fn a_session_for_a_free_id_writes_it_only_while_nobody_else_owns_it() {
        let b = SessionTerms { target: Target::Free("u1".into()), ..of("u1", None) };
        let u1 = id("u1");
        for situation in [Situation::default(), owned("u1", None), made(&["u1"])] {
            assert_eq!(decide(&b, None, &situation), Decision::Use(u1.clone()));
            assert_eq!(decide(&b, Some(&u1), &situation), Decision::Use(u1.clone()));
            assert_eq!(decide(&b, Some(&id("u2")), &situation), Decision::Denied);
        }
        for taken in [owned("u2", None), Situation { named: Some(None), made: vec![] }] {
            assert_eq!(decide(&b, None, &taken), Decision::Denied);
            assert_eq!(decide(&b, Some(&u1), &taken), Decision::Denied);
        }
    }

    #[test]
    fn a_reconnect_session_needs_its_connection_to_exist() {
        let terms = terms(Target::Reconnect { integration: "i".into(), connection: "r".into() });
        assert_eq!(decide(&terms, None, &Situation::default()), Decision::Gone);
        assert_eq!(decide(&terms, None, &owned("u9", None)), Decision::Use(id("r")));
        let other = id("other");
        assert_eq!(decide(&terms, Some(&other), &owned("u9", None)), Decision::Denied);
        assert_eq!(decide(&terms, Some(&other), &Situation::default()), Decision::Denied);
    }

    #[test]
    fn the_end_user_tag_stands_for_the_end_user() {
        let tags = [("end_user_id".to_owned(), "u1".to_owned())].into_iter().collect();
        let terms = SessionTerms { tags: Some(tags), ..terms(Target::Unbound) };
        assert_eq!(decide(&terms, Some(&id("u1")), &owned("u1", None)), Decision::Use(id("u1")));
        assert_eq!(decide(&terms, Some(&id("x")), &owned("u1", None)), Decision::Denied);
    }
}
