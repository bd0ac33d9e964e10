//! Commands that inspect a hostname, and commands that fix its findings.

use crate::domain::{
    Association, CertId, Date, Entry, Expected, Finding, Level, Status, ZoneCertificate, ZoneState,
};

const PROGRAM: &str = "cloudflare-aop-exporter";

/// The fix for a finding.
#[derive(Default)]
pub(super) struct Fix {
    /// The explanation.
    pub(super) words: String,
    /// The commands, in the order to run them.
    pub(super) commands: Vec<String>,
}

/// The hostname that commands are about.
pub(super) struct Subject<'a> {
    zone: &'a ZoneState,
    entry: &'a Entry,
    now: Date,
    /// The minimum validity of a replacement certificate, in seconds.
    enough: i64,
}

impl<'a> Subject<'a> {
    pub(super) fn new(zone: &'a ZoneState, entry: &'a Entry, now: Date, enough: i64) -> Self {
        Self { zone, entry, now, enough }
    }

    /// Returns the commands that show the current state at Cloudflare.
    pub(super) fn look(&self) -> Vec<String> {
        let (hostname, zone) = (self.hostname(), self.zone_name());
        let mut commands = vec![
            format!("{PROGRAM} hostname get {hostname} --zone {zone}"),
            format!("{PROGRAM} check --zone {zone} --hostname {hostname}"),
        ];
        if !self.zone.origins_of(self.entry.hostname()).is_empty() {
            commands.push(self.probe());
        }
        commands
    }

    /// Returns the fix for a finding.
    pub(super) fn fix(&self, finding: Finding) -> Fix {
        match finding {
            Finding::Drifted => self.expect(),
            Finding::Expired
            | Finding::ExpiresVerySoon
            | Finding::ExpiresSoon
            | Finding::NotYetValid
            | Finding::CertificateDeleted
            | Finding::EndUnknown
            | Finding::MetadataMismatch => self.replace(),
            Finding::DeploymentTimedOut => Fix {
                words: "Enable it again with the same certificate, which starts a new deployment.".to_owned(),
                commands: vec![self.enable(&self.own_id())],
            },
            Finding::DeletionTimedOut => self.delete(),
            Finding::Pending => Fix {
                words: "Check the current state, and wait: until the change takes effect, the previous state applies. \
                        Enabling the same certificate again sends no change and only waits."
                    .to_owned(),
                commands: vec![format!(
                    "{PROGRAM} hostname get {} --zone {}",
                    self.hostname(),
                    self.zone_name()
                )],
            },
            Finding::OriginUnprotected => Fix {
                words: "Make the origin require a client certificate, as the runbook describes, unless the probed path \
                        is exempt on purpose. Then probe it again."
                    .to_owned(),
                commands: vec![self.probe()],
            },
            Finding::OriginDemandsCertificate if self.entry.association() == Some(Association::Enabled) => {
                Fix {
                    words: "Set the SSL mode of the zone to Full or Full (strict): in the current mode, Cloudflare \
                            presents no certificate."
                        .to_owned(),
                    commands: Vec::new(),
                }
            }
            Finding::OriginDemandsCertificate => Fix {
                words: "Enable the association, or let the origin serve requests without a certificate until then."
                    .to_owned(),
                commands: vec![self.enable(&self.own_id())],
            },
            Finding::OriginMayReject => Fix {
                words: "Add the CA of the certificate to those that the origin accepts, or associate a certificate of a \
                        CA that the origin accepts. The command lists these CAs."
                    .to_owned(),
                commands: vec![self.probe() + " --format json"],
            },
            _ => Fix {
                words: super::advice::advice(self.entry.failure()).to_owned(),
                commands: vec![format!(
                    "{PROGRAM} check --zone {} --hostname {} --log-level debug",
                    self.zone_name(),
                    self.hostname()
                )],
            },
        }
    }

    /// Returns the command that makes the hostname match its expectation.
    fn expect(&self) -> Fix {
        let expectation = self.entry.expectation();
        let change = match expectation.association {
            Expected::Disabled => self.change("disable"),
            Expected::Void => self.change("void"),
            Expected::Enabled | Expected::Any => {
                let pinned = expectation.cert_id.as_ref().map(|id| quoted(id.as_str()));
                self.enable(&pinned.unwrap_or_else(|| self.own_id()))
            }
        };
        Fix {
            words: "If the expectation is right, run this command; otherwise correct the configuration."
                .to_owned(),
            commands: vec![change],
        }
    }

    /// Returns the command that replaces its certificate.
    fn replace(&self) -> Fix {
        if let Some((known, end)) = self.other() {
            let words = format!(
                "The zone has another certificate of the same issuer, which ends {}. Replace the \
                 certificate with it for all hostnames, or rotate to a new one as the runbook describes. The command \
                 shows its plan first.{}",
                super::words::distance(end, self.now),
                self.pin()
            );
            let (own, other) = (self.own_id(), quoted(known.id.as_str()));
            let command =
                format!("{PROGRAM} certificate rotate {own} --to {other} --zone {}", self.zone_name());
            return Fix { words, commands: vec![command] };
        }
        let zone = self.zone_name();
        Fix {
            words: format!(
                "Replace the certificate of all hostnames that use it. The command shows its plan first.{}",
                self.pin()
            ),
            commands: vec![format!(
                "{PROGRAM} certificate rotate {} --zone {zone} --cert client.pem --key client.key",
                self.own_id()
            )],
        }
    }

    /// Returns advice to change `cert_id`, since a certificate other than the pinned one is drift.
    fn pin(&self) -> &'static str {
        match self.entry.expectation().cert_id {
            Some(_) => " Then change cert_id in the configuration, which still pins the current certificate.",
            None => "",
        }
    }

    fn delete(&self) -> Fix {
        let status = self.entry.reading().and_then(|reading| reading.status);
        if status == Some(Status::DeletionTimedOut) {
            let words = "Remove the association again.".to_owned();
            return Fix { words, commands: vec![self.change("void")] };
        }
        let words = "The deletion of its certificate timed out. Associate another certificate, then delete \
                     the old one again."
            .to_owned();
        Fix { words, ..self.replace() }
    }

    /// Returns the other certificate of the same issuer that lasts longest, if it lasts long enough.
    fn other(&self) -> Option<(&'a ZoneCertificate, Date)> {
        let own = self.entry.reading()?.certificate.as_deref()?;
        let others = self.zone.certificates().iter().filter(|known| {
            known.level == Level::Hostname
                && known.status == Some(Status::Active)
                && Some(&known.id) != own.id()
                && known.certificate.details().issuer == own.details().issuer
                && known.hostnames.is_none_or(|hostnames| hostnames < 100)
        });
        let ends = others.filter_map(|known| Some((known, known.certificate.ends()?)));
        let good = ends.filter(|(_, end)| end.seconds_from(self.now) > self.enough);
        good.max_by_key(|(_, end)| *end)
    }

    fn probe(&self) -> String {
        format!("{PROGRAM} probe {}", self.hostname())
    }

    fn enable(&self, id: &str) -> String {
        let (hostname, zone) = (self.hostname(), self.zone_name());
        format!("{PROGRAM} hostname enable {hostname} --cert-id {id} --zone {zone} --wait")
    }

    fn change(&self, command: &str) -> String {
        format!("{PROGRAM} hostname {command} {} --zone {} --wait", self.hostname(), self.zone_name())
    }

    fn hostname(&self) -> String {
        quoted(self.entry.hostname().as_str())
    }

    fn zone_name(&self) -> String {
        quoted(self.zone.key().as_str())
    }

    /// Returns the id of its certificate, or a placeholder.
    fn own_id(&self) -> String {
        let certificate = self.entry.reading().and_then(|reading| reading.certificate.as_deref());
        let id = certificate.and_then(|certificate| certificate.id()).map(CertId::as_str);
        id.map_or_else(|| "CERT_ID".to_owned(), quoted)
    }
}

/// Quotes a word for a shell, in single quotes unless it is plain.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, expected) in [
            ("app.example.com", "app.example.com"),
            ("*.example.com", "'*.example.com'"),
            ("a b", "'a b'"),
            ("$(id)", "'$(id)'"),
            ("it's; id", "'it'\\''s; id'"),
            ("-x", "'-x'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
