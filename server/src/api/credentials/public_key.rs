//! What a public key may write. Everybody who sees the page knows the key, so by itself it makes new
//! connections only; to write one that the page names, the backend vouches for the id by an HMAC.

use aws_lc_rs::{constant_time, hmac};

use super::Intake;
use crate::{
    access::PublicKey,
    environment_key::{EnvironmentKeys, Purpose},
    error::ApiError,
    state::Server,
};

/// Refuses what may not be written.
///
/// # Errors
/// Without HMAC: 403 `connection_id_not_allowed` for any id that is named. With it: 400 `missing_hmac`,
/// `invalid_hmac`.
pub(super) async fn admit(
    server: &Server,
    public: &PublicKey,
    intake: &Intake,
    given: Option<&str>,
) -> Result<(), ApiError> {
    match (&intake.connection, public.environment.settings.hmac_enabled) {
        (_, true) => vouched(server, &public.environment.name, intake, given).await,
        (Some(_), false) => Err(ApiError::ConnectionIdNotVouchedFor),
        (None, false) => Ok(()),
    }
}

/// Whether the backend vouches for the connection id: the hexadecimal HMAC-SHA-256 of
/// `<integration>:<connection id>`. Without an id there is nothing that it could have vouched for.
///
/// The colon may be part of either, so the text of one pair could be that of another: `vend` and `eu:user-1`,
/// `vend:eu` and `user-1`. Whether the other pair exists changes with time, so a colon in either is refused.
async fn vouched(
    server: &Server,
    environment: &str,
    intake: &Intake,
    given: Option<&str>,
) -> Result<(), ApiError> {
    let given = given.ok_or(ApiError::MissingHmac)?;
    let id = intake.connection.as_ref().ok_or(ApiError::InvalidHmac)?;
    if intake.integration.as_str().contains(':') {
        return Err(ApiError::AmbiguousHmac("integration ID"));
    }
    if id.as_str().contains(':') {
        return Err(ApiError::AmbiguousHmac("connection ID"));
    }
    let text = format!("{}:{id}", intake.integration);
    let keys = EnvironmentKeys::of(server, environment, Purpose::ConnectionHmac).await?;
    // All are compared, so that the time tells nothing of which one it was.
    let mut proven = false;
    for key in keys.all() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
        let expected: String = hmac::sign(&key, text.as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        proven |=
            constant_time::verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_ok();
    }
    if proven { Ok(()) } else { Err(ApiError::InvalidHmac) }
}
