//! Zones, their settings, and tokens.

use super::certificate::identity;
use super::object::Object;
use crate::cloudflare::{ListedZone, Presence};
use crate::domain::{AccountId, SslMode, TokenState, ZoneId};

/// Reads a zone of a list with its id. If its name or id is unreadable, returns the text of its name. An
/// internal DNS zone needs no readable name; without one, only its id is returned.
pub(in crate::cloudflare) fn zone(object: &mut Object<'_>) -> Result<(ZoneId, Option<ListedZone>), Box<str>> {
    let (name, id, internal) = (object.named("name"), object.named("id"), is_internal(object));
    let active = object.text("status").map(|status| status == "active");
    match (id, name) {
        (Some(id), Some(name)) => Ok((id, Some(ListedZone { id, name, active, internal }))),
        (Some(id), None) if internal => Ok((id, None)),
        _ => Err(identity(object, "name")),
    }
}

/// Reads whether a zone that was requested by its id can be watched, by `account` if that is given.
pub(in crate::cloudflare) fn presence(
    object: &mut Object<'_>,
    asked: ZoneId,
    account: Option<AccountId>,
) -> Result<Presence, String> {
    let is_other = object.named("id").is_some_and(|id: ZoneId| id != asked);
    if is_other || object.is_odd("id") {
        return Err("the response is about another zone".to_owned());
    }
    let status = object.text("status").ok_or_else(|| "the field status is missing".to_owned())?;
    let owner = object.parsed("account", |raw| Object::parse(raw.get()).ok()?.named("id"));
    // a response without an account does not mean that the zone has moved
    let is_moved = account.zip(owner).is_some_and(|(account, owner)| account != owner);
    let watchable = status == "active" && !is_internal(object) && !is_moved;
    Ok(if watchable { Presence::Active } else { Presence::Other })
}

fn is_internal(object: &mut Object<'_>) -> bool {
    object.text("type").is_some_and(|kind| kind == "internal")
}

/// Reads a zone setting that is on or off.
pub(in crate::cloudflare) fn on_or_off(object: &mut Object<'_>) -> Result<bool, String> {
    match object.text("value").as_deref() {
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(_) => Err("the field value is neither on nor off".to_owned()),
        None => Err("the field value is missing".to_owned()),
    }
}

/// Reads the zone setting that is the SSL mode.
pub(in crate::cloudflare) fn ssl_mode(object: &mut Object<'_>) -> Result<SslMode, String> {
    let value = object.text("value").ok_or_else(|| "the field value is missing".to_owned())?;
    Ok(SslMode::from_api(&value))
}

/// Returns true if a switch is on.
pub(in crate::cloudflare) fn switch(object: &mut Object<'_>) -> Result<bool, String> {
    object.flag("enabled").flatten().ok_or_else(|| "the field enabled is missing".to_owned())
}

/// Reads the verification of a token.
pub(in crate::cloudflare) fn token(object: &mut Object<'_>) -> Result<TokenState, String> {
    let status = object.text("status").ok_or_else(|| "the field status is missing".to_owned())?;
    Ok(TokenState { valid: Some(status == "active"), expires: object.date("expires_on") })
}
