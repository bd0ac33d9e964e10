//! Zones, their settings and their switch, and the token.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, PageInfo, Refusal};
use super::api::Call;
use super::gate::{Gate, Standing};
use super::scope::{Permission, Scope};
use super::view::ZoneView;
use super::world::{World, derived};
use super::zone::Zone;

/// `GET /zones`.
pub(super) fn list(world: &World, scope: &Scope, call: &Call<'_>) -> Result<Answer, Refusal> {
    let page = call.query.number("page", 1, 1, usize::MAX)?;
    let per_page = call.query.number("per_page", 20, 5, 50)?;
    let [name, status, account] = ["name", "status", "account.id"].map(|key| call.query.get(key));
    let types = call.query.get("type");
    let fits = |wanted: &Option<String>, actual: &str| wanted.as_ref().is_none_or(|wanted| wanted == actual);
    // without the permission, the list is empty and the request succeeds
    let may = scope.may(Permission::ZoneRead);
    // the API may omit internal zones unless `type` asks for them, so no client may rely on them
    let zones = world.zones().filter(|zone| {
        may && scope.sees(&zone.account.id)
            && !zone.is_gone()
            && fits(&name, zone.name().as_str())
            && fits(&status, &zone.facts.status)
            && fits(&account, &zone.account.id)
            && types.as_ref().is_none_or(|types| types.split(',').any(|kind| kind == zone.facts.kind))
    });
    Ok(paged(zones, page, per_page, ZoneView::new))
}

/// Builds one page of a list.
pub(super) fn paged<T, V: Serialize>(
    items: impl Iterator<Item = T> + Clone,
    page: usize,
    per_page: usize,
    view: impl Fn(T) -> V,
) -> Answer {
    let total_count = items.clone().count();
    let skipped = (page - 1).saturating_mul(per_page);
    let shown: Vec<V> = items.skip(skipped).take(per_page).map(view).collect();
    let total_pages = total_count.div_ceil(per_page);
    let info = PageInfo { page, per_page, count: shown.len(), total_count, total_pages };
    Answer::page(shown, info)
}

/// `GET /zones/{zone_id}`.
pub(super) fn get(zone: &Zone) -> Result<Answer, Refusal> {
    Ok(Answer::result(ZoneView::new(zone)))
}

/// `GET /zones/{zone_id}/settings/{setting_id}`.
pub(super) fn setting(zone: &Zone, id: &str) -> Result<Answer, Refusal> {
    zone.facts.setting(id).map(Answer::result).ok_or(Refusal::NO_SETTING)
}

#[derive(Deserialize, Serialize)]
struct Settings {
    enabled: bool,
}

/// `GET …/settings`.
pub(super) fn settings(zone: &Zone) -> Result<Answer, Refusal> {
    Ok(Answer::result(Settings { enabled: zone.enabled }))
}

/// `PUT …/settings`.
pub(super) fn change_settings(zone: &mut Zone, call: &Call<'_>) -> Result<Answer, Refusal> {
    let Settings { enabled } = serde_json::from_slice(call.body).map_err(|_| Refusal::MALFORMED_BODY)?;
    zone.enabled = enabled;
    settings(zone)
}

#[derive(Serialize)]
struct TokenView<'a> {
    id: String,
    status: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<&'a str>,
}

/// `GET /user/tokens/verify` and `GET /accounts/{account_id}/tokens/verify`. Each accepts only its own kind
/// of token.
pub(super) fn verify(gate: &Gate, is_own: bool) -> Result<Answer, Refusal> {
    if !is_own {
        return Err(Refusal::INVALID_TOKEN);
    }
    let expires_on = gate.expires_on.as_deref();
    let token = TokenView { id: format!("{:032x}", derived(0, "token")), status: gate.standing, expires_on };
    Ok(Answer::result_with_message(token, 10000, "the token was verified"))
}
