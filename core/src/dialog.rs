//! How the dialog behaves: one state, one transition function, no secrets, no browser.
//!
//! Plain values only: the filled form, the stored connection and the reference of a failure stay with
//! the session, which has them at hand when [`Next`] says what to do with them.
//!
//! [`Dialog::on`] is total: every event has an answer in every phase, written out pair by pair, so
//! that a new event or phase does not compile until each pair is decided. What the state says is
//! what the view draws; what [`Next`] says is all that the session does.
//!
//! The promise of `auth()` is settled by [`Next::Settle`] or [`Next::Finish`] and by nothing else,
//! and this module counts: it hands out exactly one outcome, whatever the order of events.

use crate::error::AuthErrorCode;
use crate::failure::Cause;
use crate::wire::Verification;

/// What a settled call resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The connection's id, the caller's or the server's.
    pub connection_id: String,
    /// The integration's id.
    pub provider_config_key: String,
    /// What the check said; `None` from a stock Nango server.
    pub verification: Option<Verification>,
}

/// How the call ended: with the connection that was stored, or with a code.
pub type Outcome = Result<(), AuthErrorCode>;

/// What the dialog shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The form is being fetched; with a failure, a retry is offered.
    Loading {
        /// Why the last attempt failed, unless one is under way.
        failure: Option<Cause>,
    },
    /// The form waits for the person.
    Editing {
        /// What became of the last attempt.
        failure: Option<Cause>,
    },
    /// The form was submitted while offline and goes out when the network is back.
    Waiting,
    /// The values are on their way.
    Submitting,
    /// The person left while they were: nothing is on screen any more, and the server's answer says how the
    /// call ends. A connection that exists is not reported as closed.
    Closing,
    /// It worked; the confirmation closes by itself.
    Connected,
    /// It cannot work any more, after something was typed: says why until it is closed.
    Ended {
        /// Why.
        code: AuthErrorCode,
    },
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The form arrived.
    Loaded {
        /// What the server said of the values that are in it, when it was open before.
        verdict: Option<Cause>,
    },
    /// The server's answer, or the lack of a session, makes the call impossible.
    Cannot(AuthErrorCode),
    /// The primary button was pressed: Connect, "Try again" or Close, as the phase has it.
    Pressed,
    /// "Save without checking" was pressed.
    PressedUnchecked,
    /// The form was read and nothing stands against sending it.
    Checked {
        /// What `navigator.onLine` says.
        online: bool,
        /// Store it although the provider cannot be asked.
        unchecked: bool,
    },
    /// The form was read and something is missing or impossible; the fields say what.
    Faulty,
    /// A field changed.
    Edited,
    /// The server stored the connection.
    Stored,
    /// The form did not arrive, or was not accepted, in a way that the person can do something about.
    Failed(Cause),
    /// The browser is back online.
    Online,
    /// Escape, the close button, a click outside, `close()`, or the page removed the dialog.
    Dismissed,
    /// The page is going away: nothing can be waited for.
    Gone,
    /// The caller's `AbortSignal` fired: whoever fires it no longer wants to know.
    Aborted,
    /// The confirmation was on screen, or the answer was waited for, long enough.
    TimeUp,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Nothing,
    /// Draw the phase.
    Render,
    /// Fetch the form, then draw.
    Load,
    /// Read and check the form, then report [`Event::Checked`] or [`Event::Faulty`].
    Check {
        /// Passed through to [`Event::Checked`].
        unchecked: bool,
    },
    /// Send the form, then draw.
    Post {
        /// Store it although the provider cannot be asked.
        unchecked: bool,
    },
    /// Settle the promise, draw, and stay on screen.
    Settle(Outcome),
    /// Take the dialog off the screen, and wait a little for the server's answer.
    Hide,
    /// Take everything down; settle the promise when an outcome comes along.
    Finish(Option<Outcome>),
}

/// The state of one `auth()` call.
#[derive(Debug)]
pub struct Dialog {
    phase: Phase,
    settled: bool,
}

impl Default for Dialog {
    fn default() -> Self {
        Dialog { phase: Phase::Loading { failure: None }, settled: false }
    }
}

impl Dialog {
    /// What to draw.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the promise is settled already.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Takes one event and says what to do. After [`Next::Finish`] nothing more is to be reported.
    pub fn on(&mut self, event: Event) -> Next {
        match (self.phase, event) {
            // What was sent may be stored already: only its answer can tell.
            (Phase::Submitting, Event::Dismissed) => self.to(Phase::Closing, Next::Hide),
            (Phase::Closing, Event::Dismissed) => Next::Nothing,
            (Phase::Closing, Event::Stored) => {
                self.settled = true;
                Next::Finish(Some(Ok(())))
            }
            (Phase::Closing, Event::Failed(_) | Event::Cannot(_) | Event::TimeUp)
            | (_, Event::Dismissed | Event::Gone) => self.finish(AuthErrorCode::WindowClosed),
            (_, Event::Aborted) => self.finish(AuthErrorCode::Aborted),

            (Phase::Loading { .. }, Event::Loaded { verdict }) => {
                self.to(Phase::Editing { failure: verdict }, Next::Render)
            }
            (Phase::Loading { .. }, Event::Failed(failure)) => {
                self.to(Phase::Loading { failure: Some(failure) }, Next::Render)
            }
            (Phase::Loading { .. }, Event::Cannot(code)) => self.finish(code),
            (Phase::Loading { failure: Some(_) }, Event::Pressed | Event::Online) => {
                self.to(Phase::Loading { failure: None }, Next::Load)
            }

            (Phase::Ended { .. }, Event::Pressed) => self.finish(AuthErrorCode::WindowClosed),
            (Phase::Editing { .. } | Phase::Waiting, Event::Pressed)
            | (Phase::Waiting, Event::Online) => Next::Check { unchecked: false },
            (Phase::Editing { failure: Some(failure) }, Event::PressedUnchecked)
                if failure.is_unchecked() =>
            {
                Next::Check { unchecked: true }
            }
            (
                Phase::Editing { .. } | Phase::Waiting,
                Event::Checked { online: true, unchecked },
            ) => self.to(Phase::Submitting, Next::Post { unchecked }),
            (Phase::Editing { .. } | Phase::Waiting, Event::Checked { online: false, .. }) => {
                self.to(Phase::Waiting, Next::Render)
            }
            (Phase::Editing { .. } | Phase::Waiting, Event::Faulty)
            | (Phase::Waiting, Event::Edited) => {
                self.to(Phase::Editing { failure: None }, Next::Render)
            }

            (Phase::Submitting, Event::Stored) => {
                self.settled = true;
                self.to(Phase::Connected, Next::Settle(Ok(())))
            }
            // It goes out again by itself; a second post of one session replaces what the first may have made.
            (Phase::Submitting, Event::Failed(Cause::Offline)) => {
                self.to(Phase::Waiting, Next::Render)
            }
            (Phase::Submitting, Event::Failed(failure)) => {
                self.to(Phase::Editing { failure: Some(failure) }, Next::Render)
            }
            (Phase::Submitting, Event::Cannot(code)) => {
                self.settled = true;
                self.to(Phase::Ended { code }, Next::Settle(Err(code)))
            }

            (Phase::Connected, Event::TimeUp) => Next::Finish(None),

            // Too late, too early, or a second press: each of these is possible in a real browser
            // (a response after a retry, a double click, a timer that was already queued).
            (Phase::Loading { failure: None }, Event::Pressed | Event::Online)
            | (
                Phase::Loading { .. },
                Event::PressedUnchecked
                | Event::Checked { .. }
                | Event::Faulty
                | Event::Edited
                | Event::Stored
                | Event::TimeUp,
            )
            | (
                Phase::Editing { .. },
                Event::Loaded { .. }
                | Event::Cannot(_)
                | Event::PressedUnchecked
                | Event::Edited
                | Event::Stored
                | Event::Failed(_)
                | Event::Online
                | Event::TimeUp,
            )
            | (
                Phase::Waiting,
                Event::Loaded { .. }
                | Event::Cannot(_)
                | Event::PressedUnchecked
                | Event::Stored
                | Event::Failed(_)
                | Event::TimeUp,
            )
            | (
                Phase::Submitting,
                Event::Loaded { .. }
                | Event::Pressed
                | Event::PressedUnchecked
                | Event::Checked { .. }
                | Event::Faulty
                | Event::Edited
                | Event::Online
                | Event::TimeUp,
            )
            | (
                Phase::Connected,
                Event::Loaded { .. }
                | Event::Cannot(_)
                | Event::Pressed
                | Event::PressedUnchecked
                | Event::Checked { .. }
                | Event::Faulty
                | Event::Edited
                | Event::Stored
                | Event::Failed(_)
                | Event::Online,
            )
            | (
                Phase::Closing,
                Event::Loaded { .. }
                | Event::Pressed
                | Event::PressedUnchecked
                | Event::Checked { .. }
                | Event::Faulty
                | Event::Edited
                | Event::Online,
            )
            | (
                Phase::Ended { .. },
                Event::Loaded { .. }
                | Event::Cannot(_)
                | Event::PressedUnchecked
                | Event::Checked { .. }
                | Event::Faulty
                | Event::Edited
                | Event::Stored
                | Event::Failed(_)
                | Event::Online
                | Event::TimeUp,
            ) => Next::Nothing,
        }
    }

    fn to(&mut self, phase: Phase, next: Next) -> Next {
        self.phase = phase;
        next
    }

    fn finish(&mut self, code: AuthErrorCode) -> Next {
        let outcome = (!self.settled).then_some(Err(code));
        self.settled = true;
        Next::Finish(outcome)
    }
}

impl Phase {
    /// The failure on screen, in whichever phase.
    #[must_use]
    pub fn failure(self) -> Option<Cause> {
        match self {
            Phase::Loading { failure } | Phase::Editing { failure } => failure,
            Phase::Waiting => Some(Cause::Offline),
            Phase::Ended { code: AuthErrorCode::ConnectSessionExpired } => Some(Cause::Expired),
            Phase::Ended { .. } => Some(Cause::Server),
            Phase::Submitting | Phase::Closing | Phase::Connected => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn editing() -> Dialog {
        let mut dialog = Dialog::default();
        assert_eq!(dialog.on(Event::Loaded { verdict: None }), Next::Render);
        dialog
    }

    fn submitting() -> Dialog {
        let mut dialog = editing();
        assert_eq!(dialog.on(Event::Pressed), Next::Check { unchecked: false });
        let sent = dialog.on(Event::Checked { online: true, unchecked: false });
        assert_eq!(sent, Next::Post { unchecked: false });
        dialog
    }

    #[test]
    fn a_key_that_is_accepted_settles_at_once_and_closes_later() {
        let mut dialog = submitting();
        assert_eq!(dialog.on(Event::Stored), Next::Settle(Ok(())));
        assert!(dialog.is_settled());
        assert_eq!(dialog.on(Event::TimeUp), Next::Finish(None));
    }

    #[test]
    fn a_key_that_is_refused_returns_to_editing_and_the_promise_stays_pending() {
        let mut dialog = submitting();
        let failure = Some(Cause::Refused);
        assert_eq!(dialog.on(Event::Failed(Cause::Refused)), Next::Render);
        assert_eq!(dialog.phase(), Phase::Editing { failure });
        assert!(!dialog.is_settled());
    }

    #[test]
    fn a_second_press_while_sending_does_nothing() {
        let mut dialog = submitting();
        assert_eq!(dialog.on(Event::Pressed), Next::Nothing);
        let again = dialog.on(Event::Checked { online: true, unchecked: false });
        assert_eq!(again, Next::Nothing);
    }

    #[test]
    fn offline_waits_and_sends_when_the_network_is_back() {
        let mut dialog = editing();
        dialog.on(Event::Pressed);
        let kept = dialog.on(Event::Checked { online: false, unchecked: false });
        assert_eq!(kept, Next::Render);
        assert_eq!(dialog.phase(), Phase::Waiting);
        assert_eq!(dialog.on(Event::Online), Next::Check { unchecked: false });
    }

    #[test]
    fn a_post_that_the_network_cut_off_waits_for_it_too_and_goes_out_again() {
        let mut dialog = submitting();
        assert_eq!(dialog.on(Event::Failed(Cause::Offline)), Next::Render);
        assert_eq!(dialog.phase(), Phase::Waiting);
        assert_eq!(dialog.on(Event::Online), Next::Check { unchecked: false });
        // So does a form that did not arrive.
        let mut dialog = Dialog::default();
        dialog.on(Event::Failed(Cause::Offline));
        assert_eq!(dialog.on(Event::Online), Next::Load);
    }

    #[test]
    fn typing_while_waiting_cancels_the_automatic_send() {
        let mut dialog = editing();
        dialog.on(Event::Pressed);
        dialog.on(Event::Checked { online: false, unchecked: false });
        dialog.on(Event::Edited);
        assert_eq!(dialog.on(Event::Online), Next::Nothing);
    }

    #[test]
    fn saving_unchecked_is_open_only_after_the_provider_could_not_be_asked() {
        let mut dialog = submitting();
        dialog.on(Event::Failed(Cause::Refused));
        assert_eq!(dialog.on(Event::PressedUnchecked), Next::Nothing);
        let mut dialog = submitting();
        dialog.on(Event::Failed(Cause::Unavailable));
        assert_eq!(dialog.on(Event::PressedUnchecked), Next::Check { unchecked: true });
    }

    #[test]
    fn a_session_that_ends_after_typing_says_so_until_it_is_closed() {
        let mut dialog = submitting();
        let code = AuthErrorCode::ConnectSessionExpired;
        assert_eq!(dialog.on(Event::Cannot(code)), Next::Settle(Err(code)));
        assert_eq!(dialog.phase(), Phase::Ended { code });
        assert_eq!(dialog.on(Event::Dismissed), Next::Finish(None));
    }

    #[test]
    fn an_impossible_call_finishes_before_anything_is_typed() {
        let mut dialog = Dialog::default();
        let code = AuthErrorCode::UnknownIntegration;
        assert_eq!(dialog.on(Event::Cannot(code)), Next::Finish(Some(Err(code))));
    }

    #[test]
    fn a_form_that_is_opened_again_says_what_the_server_said_of_its_values() {
        let mut dialog = Dialog::default();
        let verdict = Some(Cause::Refused);
        assert_eq!(dialog.on(Event::Loaded { verdict }), Next::Render);
        assert_eq!(dialog.phase(), Phase::Editing { failure: verdict });
    }

    #[test]
    fn leaving_while_the_answer_is_on_its_way_waits_for_it() {
        let closed = Some(Err(AuthErrorCode::WindowClosed));
        for (answer, outcome) in [
            (Event::Stored, Some(Ok(()))),
            (Event::Failed(Cause::Refused), closed),
            (Event::Failed(Cause::Offline), closed),
            (Event::Cannot(AuthErrorCode::ConnectSessionExpired), closed),
            (Event::TimeUp, closed),
            (Event::Gone, closed),
            (Event::Aborted, Some(Err(AuthErrorCode::Aborted))),
        ] {
            let mut dialog = submitting();
            assert_eq!(dialog.on(Event::Dismissed), Next::Hide);
            assert!(!dialog.is_settled());
            assert_eq!(dialog.on(Event::Dismissed), Next::Nothing, "a second Escape, or close()");
            assert_eq!(dialog.on(Event::Pressed), Next::Nothing);
            assert_eq!(dialog.on(answer), Next::Finish(outcome), "{answer:?}");
        }
    }

    #[test]
    fn a_signal_and_a_page_that_goes_away_end_a_call_at_once() {
        assert_eq!(
            submitting().on(Event::Aborted),
            Next::Finish(Some(Err(AuthErrorCode::Aborted)))
        );
        assert_eq!(
            submitting().on(Event::Gone),
            Next::Finish(Some(Err(AuthErrorCode::WindowClosed)))
        );
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            select(vec![None, Some(Cause::Refused)]).prop_map(|verdict| Event::Loaded { verdict }),
            Just(Event::Cannot(AuthErrorCode::ConnectSessionExpired)),
            Just(Event::Pressed),
            Just(Event::PressedUnchecked),
            (any::<bool>(), any::<bool>())
                .prop_map(|(online, unchecked)| Event::Checked { online, unchecked }),
            Just(Event::Faulty),
            Just(Event::Edited),
            Just(Event::Stored),
            select(vec![Cause::Refused, Cause::Unavailable, Cause::Server, Cause::Offline])
                .prop_map(Event::Failed),
            Just(Event::Online),
            Just(Event::TimeUp),
        ]
    }

    /// Anything, and the ways out now and then: as frequent as the rest, they would end nearly every run at once.
    fn any_event_or_end() -> impl Strategy<Value = Event> {
        prop_oneof![
            20 => any_event(),
            1 => select(vec![Event::Dismissed, Event::Gone, Event::Aborted]),
        ]
    }

    proptest! {
        /// Whatever the order of events, then the page going away: exactly one outcome is handed out, the
        /// requests and their answers alternate, and nothing is drawn after the end. A connection that was
        /// stored before the end is what the call ends with.
        #[test]
        fn any_order_of_events_settles_exactly_once(
            events in prop::collection::vec(any_event_or_end(), 0..60)
        ) {
            let mut dialog = Dialog::default();
            let (mut outcomes, mut in_flight, mut finished) = (Vec::new(), false, false);
            let (mut stored, mut hidden) = (false, false);
            for event in events.into_iter().chain([Event::Gone]) {
                let answered = matches!(event, Event::Stored | Event::Failed(_) | Event::Cannot(_));
                stored |= in_flight && event == Event::Stored;
                match dialog.on(event) {
                    Next::Post { .. } => {
                        prop_assert!(!in_flight, "a second request while one is under way");
                        prop_assert!(!hidden, "a request of a dialog that was left");
                        in_flight = true;
                    }
                    Next::Settle(outcome) => outcomes.push(outcome),
                    Next::Finish(outcome) => {
                        outcomes.extend(outcome);
                        finished = true;
                    }
                    Next::Hide => {
                        prop_assert!(in_flight && !hidden, "nothing is on its way");
                        hidden = true;
                    }
                    Next::Render | Next::Load | Next::Check { .. } => {
                        prop_assert!(!hidden, "drawn after it was left");
                    }
                    Next::Nothing => {}
                }
                if answered {
                    in_flight = false;
                }
                if finished {
                    break;
                }
            }
            prop_assert!(finished);
            prop_assert_eq!(outcomes.len(), 1);
            prop_assert_eq!(outcomes[0].is_ok(), stored);
            prop_assert!(dialog.is_settled());
        }
    }
}
