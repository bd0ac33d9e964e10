//! The texts that uploads and rotations print: plans, progress and results.

use std::fmt::Write;

use jiff::Timestamp;

use super::origins::Offers;
use super::pins::Known;
use crate::change::{Halt, Old, Rotation, RotationPlan, RotationRefusal, State, Step, Store};
use crate::cli::access::quoted;
use crate::cli::columns::printable;
use crate::cli::reach::Api;
use crate::domain::{Association, CertId, Hostname, Level, Pem};
use crate::keypair::KeyPair;

/// Says where the key is sent, and warns if a proxy may see it.
fn destination(api: &Api) -> String {
    let mut text = format!("Zone {} at {}:\n", api.zone_name(), api.client.host());
    if api.client.options().extra_ca.is_some() {
        text.push_str(
            "Warning: ca_file adds a CA that is trusted for the API. If the CA belongs to a proxy, the proxy can read the \
             private key.\n",
        );
    }
    text
}

fn described(pem: &Pem) -> String {
    let [begins, ends] =
        [pem.not_before, pem.not_after].map(|date| Timestamp::from(date).strftime("%Y-%m-%d").to_string());
    format!("{}, issued by {}, valid {begins} to {ends}", printable(&pem.subject), printable(&pem.issuer))
}

fn oddities(pair: &KeyPair) -> String {
    pair.oddities().iter().fold(String::new(), |text, oddity| text + &format!("Warning: {oddity}\n"))
}

/// The plan of an upload.
pub(super) fn upload(api: &Api, level: Level, pair: &KeyPair) -> String {
    let (what, label) = (described(pair.leaf()), level.label());
    format!("{}upload  {label} certificate {what}\n{}", destination(api), oddities(pair))
}

/// The plan of a rotation.
pub(super) struct Plan<'p> {
    pub(super) api: &'p Api,
    pub(super) rotation: &'p Rotation,
    pub(super) pair: Option<&'p KeyPair>,
    pub(super) plan: &'p RotationPlan,
    pub(super) store: &'p Store,
    pub(super) known: &'p Known,
    pub(super) offers: &'p Offers,
}

impl Plan<'_> {
    pub(super) fn text(&self) -> String {
        let Self { api, rotation, pair, plan, store, known, offers } = self;
        let mut text = destination(api);
        let old = store.certificate(&rotation.old).and_then(|old| old.certificate.pem());
        let new_id = plan.new.as_ref().map(|new| &new.id);
        let new = pair.map(KeyPair::leaf);
        let new = new.or_else(|| store.certificate(new_id?).and_then(|new| new.certificate.pem()));
        let unknown = || "(Cloudflare returned no certificate)".to_owned();
        let _ = writeln!(text, "old  {}  {}", rotation.old, old.map_or_else(unknown, described));
        let id = new_id.map_or("(to be uploaded)", CertId::as_str);
        let _ = writeln!(text, "new  {id}  {}", new.map_or_else(unknown, described));
        for (what, of) in [("subject", subject as fn(&Pem) -> &str), ("issuer", issuer)] {
            if let Some((old, new)) = old.zip(new).filter(|(old, new)| of(old) != of(new)) {
                let (old, new) = (printable(of(old)), printable(of(new)));
                let _ = writeln!(text, "Note: the {what} differs: {old} -> {new}");
            }
        }
        text.push_str(&pair.map(oddities).unwrap_or_default());
        self.steps(&mut text);
        for (origin, offer) in &offers.made {
            let _ = writeln!(text, "origin {} of {} {offer}", origin.label, origin.hostname);
        }
        for note in &offers.notes {
            let _ = writeln!(text, "Note: {note}");
        }
        if let Some(why) = &known.unread {
            let _ = writeln!(text, "Note: the configuration cannot be read, so no origin is tried: {why}");
        }
        text.push_str(&pins(known, new_id));
        text
    }

    fn steps(&self, text: &mut String) {
        let Self { rotation, plan, .. } = self;
        match &plan.new {
            None => text.push_str("upload     the new certificate, and wait until it is active\n"),
            Some(new) if !new.is_active => text.push_str("wait       until the new certificate is active\n"),
            Some(_) => {}
        }
        let new = plan.new.as_ref().map_or("the new certificate", |new| new.id.as_str());
        for (hostname, state) in &plan.moves {
            let enabled = if state.association == Association::Enabled { "enabled" } else { "disabled" };
            let _ = writeln!(text, "associate  {hostname}  {state} -> {enabled} with {new}");
        }
        for (names, what) in [(&plan.pending, "wait      "), (&plan.done, "keep      ")] {
            for hostname in names {
                let _ = writeln!(text, "{what} {hostname}  has {new}");
            }
        }
        if rotation.level == Level::Hostname && plan.moves.is_empty() && plan.pending.is_empty() {
            let _ = writeln!(text, "No hostname needs to change.");
        }
        match (plan.old, plan.delete_old) {
            (Old::Gone, _) => {}
            (Old::Present, true) => {
                let _ = writeln!(text, "delete     {}", rotation.old);
            }
            (Old::Present, false) => {
                let _ = writeln!(text, "keep       {} (--delete-old deletes it)", rotation.old);
            }
        }
        if plan.step() == Step::Done {
            text.push_str("Nothing needs to change.\n");
        }
    }
}

fn subject(pem: &Pem) -> &str {
    &pem.subject
}

fn issuer(pem: &Pem) -> &str {
    &pem.issuer
}

/// Says how to change the lines of the configuration that pin the old certificate.
pub(super) fn pins(known: &Known, new: Option<&CertId>) -> String {
    let id = new.map_or("the id of the new one", CertId::as_str);
    let pins = known.pins.iter();
    pins.fold(String::new(), |text, pin| {
        text + &format!("Change {pin}\n  to {id}, or the daemon reports drift\n")
    })
}

/// Announces a step.
pub(super) fn step(step: Step, rotation: &Rotation, plan: &RotationPlan) -> String {
    let new = plan.new.as_ref().map_or("", |new| new.id.as_str());
    match step {
        Step::Upload => "Uploading the new certificate\n".to_owned(),
        Step::AwaitCertificate => format!("Waiting until certificate {new} is active\n"),
        Step::Associate => format!("Associating {} with {new}\n", hostnames(plan.moves.len())),
        Step::AwaitHostnames => {
            let all = plan.pending.len() + plan.done.len();
            let are = if all == 1 { "is" } else { "are" };
            format!("Waiting until {} {are} active on {new}\n", hostnames(all))
        }
        Step::AwaitVoid => {
            format!(
                "Waiting until the void associations of {} no longer use the old certificate\n",
                listed(&plan.void)
            )
        }
        Step::Delete => format!("Deleting the old certificate {}\n", rotation.old),
        Step::Done => String::new(),
    }
}

fn hostnames(number: usize) -> String {
    format!("{number} hostname{}", if number == 1 { "" } else { "s" })
}

fn listed(hostnames: &[Hostname]) -> String {
    hostnames.iter().map(Hostname::as_str).collect::<Vec<_>>().join(", ")
}

/// Describes what was done, what was not done, and the commands to continue and to go back.
pub(super) fn halted(
    rotation: &Rotation,
    plan: &RotationPlan,
    halt: &Halt,
    zone: &str,
    words: &str,
) -> String {
    let mut text = String::from("Done so far:\n");
    match &plan.new {
        None => text.push_str("  nothing: the new certificate is not in Cloudflare's list\n"),
        Some(new) => {
            let state = if new.is_active { "active" } else { "not active yet" };
            let _ = writeln!(text, "  certificate {} is uploaded and {state}", new.id);
            for (what, names) in
                [("active on it", &plan.done), ("associated, and not in force yet", &plan.pending)]
            {
                if !names.is_empty() {
                    let _ = writeln!(text, "  {what}: {}", listed(names));
                }
            }
        }
    }
    text.push_str("Not done:\n");
    let moves: Vec<_> = plan.moves.iter().map(|(name, _): &(Hostname, State)| name.clone()).collect();
    if !moves.is_empty() {
        let _ = writeln!(text, "  to associate: {}", listed(&moves));
    }
    match (plan.old, plan.delete_old) {
        (Old::Gone, _) => text.push_str("  nothing: the old certificate is deleted\n"),
        (Old::Present, true) => {
            let _ = writeln!(text, "  the old certificate {} is not deleted", rotation.old);
        }
        (Old::Present, false) => {
            let _ = writeln!(text, "  the old certificate {} stays", rotation.old);
        }
    }
    const PROGRAM: &str = "cloudflare-aop-exporter certificate";
    let level = if rotation.level == Level::Zone { " --level zone" } else { "" };
    let (old, zone) = (&rotation.old, quoted(zone));
    match (&plan.new, halt) {
        (None, _) => text.push_str("To continue: run the same command again\n"),
        (_, Halt::Refused(RotationRefusal::GivenUp(new))) => {
            let delete = format!("{PROGRAM} delete {new} --zone {zone}{level}{words}");
            let _ =
                writeln!(text, "To continue, delete the new one and run the same command again:\n  {delete}");
        }
        (Some(new), _) => {
            let delete = if rotation.delete_old { " --delete-old" } else { "" };
            let new = &new.id;
            let _ = writeln!(
                text,
                "To continue:\n  {PROGRAM} rotate {old} --to {new} --zone {zone}{level}{delete}{words}"
            );
            if plan.old == Old::Present {
                let has_moved = !plan.done.is_empty() || !plan.pending.is_empty();
                let undo = match has_moved {
                    true => format!("{PROGRAM} rotate {new} --to {old} --zone {zone}{words}"),
                    false => format!("{PROGRAM} delete {new} --zone {zone}{level}{words}"),
                };
                let _ = writeln!(text, "To go back:\n  {undo}");
            }
        }
    }
    text
}
