//! Zones, the zone-level switch, and tokens.

use super::certificate::said;
use super::object::Object;
use crate::domain::TokenState;
use crate::domain::{ZoneId, ZoneName};

/// A zone of a list: its name, its id and whether it is active; or what it says of its name where that or the id cannot
/// be read. Nothing is returned of an internal DNS zone, which may have the name of a public one.
pub(in crate::cloudflare) fn zone(
    object: &mut Object<'_>,
) -> Result<Option<(ZoneName, ZoneId, bool)>, Box<str>> {
    if object.text("type").is_some_and(|kind| kind == "internal") {
        return Ok(None);
    }
    let (name, id) = (object.named("name"), object.named("id"));
    let (name, id) = name.zip(id).ok_or_else(|| said(object, "name"))?;
    Ok(Some((name, id, object.text("status").is_some_and(|status| status == "active"))))
}

/// Whether a switch is on.
pub(in crate::cloudflare) fn switch(object: &mut Object<'_>) -> Result<bool, String> {
    object.flag("enabled").flatten().ok_or_else(|| "it lacks the key enabled".to_owned())
}

/// What the verification of a token says.
pub(in crate::cloudflare) fn token(object: &mut Object<'_>) -> Result<TokenState, String> {
    let status = object.text("status").ok_or_else(|| "it lacks the key status".to_owned())?;
    Ok(TokenState { valid: Some(status == "active"), expires: object.date("expires_on") })
}
