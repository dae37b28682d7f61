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
    /// Not this one.
    Denied(ConnectionId),
    /// The connection that a reconnect session was made for is gone.
    Gone,
}

/// The id that the request or, failing that, the session names; the one whose owner matters.
pub fn named(terms: &SessionTerms, requested: Option<&ConnectionId>) -> Option<ConnectionId> {
    match &terms.target {
        Target::Bound(id) | Target::Reconnect { connection: id, .. } => {
            requested.cloned().or_else(|| Some(ConnectionId::stored(id.clone())))
        }
        Target::Unbound => requested.cloned(),
    }
}

/// Decides which connection a session writes when it asks for `requested`.
pub fn decide(
    terms: &SessionTerms,
    requested: Option<&ConnectionId>,
    situation: &Situation,
) -> Decision {
    match (&terms.target, requested) {
        (Target::Bound(bound) | Target::Reconnect { connection: bound, .. }, Some(id))
            if id.as_str() != bound =>
        {
            Decision::Denied(id.clone())
        }
        (Target::Bound(bound), _) => Decision::Use(ConnectionId::stored(bound.clone())),
        (Target::Reconnect { connection, .. }, _) => match situation.named {
            Some(_) => Decision::Use(ConnectionId::stored(connection.clone())),
            None => Decision::Gone,
        },
        (Target::Unbound, None) => match situation.made.first() {
            Some(id) if !terms.multiple => Decision::Use(ConnectionId::stored(id.clone())),
            _ => Decision::Fresh,
        },
        (Target::Unbound, Some(id)) => {
            let mine = situation.made.iter().any(|made| made == id.as_str());
            let another = !terms.multiple && !mine && !situation.made.is_empty();
            let neighbours = match &situation.named {
                None => false,
                Some(owner) => owner.is_none() || *owner != terms.owner(),
            };
            if mine {
                Decision::Use(id.clone())
            } else if another || neighbours {
                Decision::Denied(id.clone())
            } else {
                Decision::Use(id.clone())
            }
        }
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
        assert_eq!(decide(&terms, Some(&id("two")), &made(&["one"])), Decision::Use(id("two")));
    }

    #[test]
    fn an_unbound_session_may_name_an_id_that_nobody_has() {
        assert_eq!(
            decide(&of("u1", None), Some(&id("new")), &Situation::default()),
            Decision::Use(id("new"))
        );
    }

    #[test]
    fn an_unbound_session_may_replace_only_what_belongs_to_the_same_end_user() {
        let mine = owned("u1", Some("o1"));
        let x = id("x");
        assert_eq!(decide(&of("u1", Some("o1")), Some(&x), &mine), Decision::Use(x.clone()));
        for stranger in
            [of("u2", Some("o1")), of("u1", Some("o2")), of("u1", None), terms(Target::Unbound)]
        {
            assert_eq!(decide(&stranger, Some(&x), &mine), Decision::Denied(x.clone()));
        }
    }

    #[test]
    fn a_connection_without_an_owner_belongs_to_no_session() {
        let nobodys = Situation { named: Some(None), made: vec![] };
        for session in [of("u1", None), terms(Target::Unbound)] {
            assert_eq!(decide(&session, Some(&id("x")), &nobodys), Decision::Denied(id("x")));
        }
    }

    #[test]
    fn a_session_may_replace_what_it_made_itself_but_not_make_a_second_one() {
        let terms = terms(Target::Unbound);
        let situation = Situation { named: Some(None), made: vec!["x".into()] };
        assert_eq!(decide(&terms, Some(&id("x")), &situation), Decision::Use(id("x")));
        assert_eq!(decide(&terms, Some(&id("y")), &made(&["x"])), Decision::Denied(id("y")));
    }

    #[test]
    fn a_bound_session_writes_its_one_id_whoever_owns_it() {
        let terms = terms(Target::Bound("b".into()));
        for situation in [Situation::default(), owned("u9", None)] {
            assert_eq!(decide(&terms, None, &situation), Decision::Use(id("b")));
            assert_eq!(decide(&terms, Some(&id("b")), &situation), Decision::Use(id("b")));
            assert_eq!(decide(&terms, Some(&id("c")), &situation), Decision::Denied(id("c")));
        }
    }

    #[test]
    fn a_reconnect_session_needs_its_connection_to_exist() {
        let terms = terms(Target::Reconnect { integration: "i".into(), connection: "r".into() });
        assert_eq!(decide(&terms, None, &Situation::default()), Decision::Gone);
        assert_eq!(decide(&terms, None, &owned("u9", None)), Decision::Use(id("r")));
        assert_eq!(
            decide(&terms, Some(&id("other")), &owned("u9", None)),
            Decision::Denied(id("other"))
        );
    }

    #[test]
    fn the_end_user_tag_stands_for_the_end_user() {
        let tags = [("end_user_id".to_owned(), "u1".to_owned())].into_iter().collect();
        let terms = SessionTerms { tags: Some(tags), ..terms(Target::Unbound) };
        assert_eq!(decide(&terms, Some(&id("x")), &owned("u1", None)), Decision::Use(id("x")));
    }
}
