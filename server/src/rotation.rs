//! Putting everything under the current master key, so that an older one can be taken out of the key
//! ring. Works beside reads and writes, can be stopped and started again at any time, and opens no
//! content: only the wrapping of each record's data key is renewed.

use crate::{
    api::connect::presets_binding,
    contents,
    store::{SealedOwner, SealedRecord, Store, StoreError},
    vault::{Binding, Sealed, Vault, VaultError},
};

/// How many connections are renewed in one transaction.
const BATCH: u32 = 500;

/// What a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Records that are under the current key now.
    pub renewed: u64,
    /// Records that did not open, and are what they were.
    pub failed: u64,
}

/// Renews every record that is under another key than the current one. `progress` is told after each
/// batch.
///
/// # Errors
/// What the store says. A record that does not open is counted and logged, and stops nothing.
pub async fn rotate(
    store: &dyn Store,
    vault: &Vault,
    mut progress: impl FnMut(Rotated),
) -> Result<Rotated, StoreError> {
    let mut total = Rotated::default();
    let mut after = 0;
    loop {
        let records = store.sealed_under_other_keys(vault.current().as_str(), after, BATCH).await?;
        let last = records.iter().filter_map(|record| match record.owner {
            SealedOwner::Connection { id, .. } => Some(id),
            _ => None,
        });
        let last = last.max();
        let mut renewed = Vec::with_capacity(records.len());
        for record in records {
            match renew(vault, &record) {
                Ok(sealed) => renewed.push((record, sealed)),
                Err(error) => {
                    total.failed += 1;
                    tracing::error!(record = %name(&record.owner), %error, "a sealed record was not renewed");
                }
            }
        }
        total.renewed += store.replace_sealed(renewed).await?;
        progress(total);
        match last {
            Some(last) => after = last,
            None => return Ok(total),
        }
    }
}

fn renew(vault: &Vault, record: &SealedRecord) -> Result<Sealed, VaultError> {
    vault.rewrap(binding(&record.owner), &record.sealed.blob)
}

/// What the record of `owner` is bound to.
pub(crate) fn binding(owner: &SealedOwner) -> Binding<'_> {
    match owner {
        SealedOwner::Connection { environment, integration, connection, .. } => {
            contents::binding(environment, integration, connection)
        }
        SealedOwner::Session { id, environment } => presets_binding(environment, id),
        SealedOwner::Server { name } => {
            Binding { purpose: "server", environment: "", integration: "", record: name }
        }
    }
}

/// The owner of a record, for a person.
pub(crate) fn name(owner: &SealedOwner) -> String {
    match owner {
        SealedOwner::Connection { environment, integration, connection, .. } => {
            format!("connection {integration}/{connection} in {environment}")
        }
        SealedOwner::Session { id, environment } => {
            format!("presets of session {id} in {environment}")
        }
        SealedOwner::Server { name } => format!("server secret {name}"),
    }
}
