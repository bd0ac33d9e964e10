//! The commands that look at a hostname, and those that mend it.

use crate::domain::{
    Association, CertId, Date, Entry, Expected, Finding, Level, Status, ZoneCertificate, ZoneState,
};

const PROGRAM: &str = "cloudflare-aop-exporter";

/// What to do about a finding.
#[derive(Default)]
pub(super) struct Mending {
    /// In words.
    pub(super) words: String,
    /// To be run in this order.
    pub(super) commands: Vec<String>,
}

/// The hostname that commands are about.
pub(super) struct Subject<'a> {
    zone: &'a ZoneState,
    entry: &'a Entry,
    now: Date,
    /// What ends sooner is no replacement.
    enough: i64,
}

impl<'a> Subject<'a> {
    pub(super) fn new(zone: &'a ZoneState, entry: &'a Entry, now: Date, enough: i64) -> Self {
        Self { zone, entry, now, enough }
    }

    /// The commands that show what Cloudflare says now.
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

    /// What to do about a finding.
    pub(super) fn mend(&self, finding: Finding) -> Mending {
        match finding {
            Finding::Drifted => self.expect(),
            Finding::Expired
            | Finding::ExpiresVerySoon
            | Finding::ExpiresSoon
            | Finding::NotYetValid
            | Finding::CertificateDeleted
            | Finding::EndUnknown
            | Finding::MetadataMismatch => self.replace(),
            Finding::DeploymentTimedOut => Mending {
                words: "Enable it again with the same certificate, which starts a new deployment.".to_owned(),
                commands: vec![self.enable(&self.own_id())],
            },
            Finding::DeletionTimedOut => self.delete(),
            Finding::Pending => Mending {
                words: "Look at it now, and wait: until the change is in force the state before it is. Enabling the \
                        same certificate again sends nothing, and waits."
                    .to_owned(),
                commands: vec![format!(
                    "{PROGRAM} hostname get {} --zone {}",
                    self.hostname(),
                    self.zone_name()
                )],
            },
            Finding::OriginUnprotected => Mending {
                words: "Make the origin demand a certificate, as the runbook says, unless the path that is probed is \
                        exempt on purpose. Then probe it again."
                    .to_owned(),
                commands: vec![self.probe()],
            },
            Finding::OriginDemandsCertificate if self.entry.association() == Some(Association::Enabled) => {
                Mending {
                    words: "Set the SSL mode of the zone to Full or Full (strict): with the present one Cloudflare \
                            presents nothing."
                        .to_owned(),
                    commands: Vec::new(),
                }
            }
            Finding::OriginDemandsCertificate => Mending {
                words: "Enable the association, or let the origin serve requests without a certificate until then."
                    .to_owned(),
                commands: vec![self.enable(&self.own_id())],
            },
            Finding::OriginMayReject => Mending {
                words: "Add the CA of the certificate to those that the origin accepts, or associate a certificate of a \
                        CA that it names. The command shows those."
                    .to_owned(),
                commands: vec![self.probe() + " --format json"],
            },
            _ => Mending {
                words: super::advice::advice(self.entry.failure()).to_owned(),
                commands: vec![format!(
                    "{PROGRAM} check --zone {} --hostname {} --log-level debug",
                    self.zone_name(),
                    self.hostname()
                )],
            },
        }
    }

    /// Brings about what the configuration expects.
    fn expect(&self) -> Mending {
        let expectation = self.entry.expectation();
        let change = match expectation.association {
            Expected::Disabled => self.change("disable"),
            Expected::Void => self.change("void"),
            Expected::Enabled | Expected::Any => {
                let pinned = expectation.cert_id.as_ref().map(|id| quoted(id.as_str()));
                self.enable(&pinned.unwrap_or_else(|| self.own_id()))
            }
        };
        Mending {
            words: "If the expectation is right, bring it about; else correct it in the configuration."
                .to_owned(),
            commands: vec![change],
        }
    }

    /// Another certificate takes the place of its own.
    fn replace(&self) -> Mending {
        if let Some((known, end)) = self.other() {
            let words = format!(
                "The zone has another certificate of the same issuer, which ends {}. Use that, or rotate to a new one as \
                 the runbook says.",
                super::words::distance(end, self.now)
            );
            return Mending { words, commands: vec![self.enable(&quoted(known.id.as_str()))] };
        }
        let zone = self.zone_name();
        Mending {
            words: "Give all hostnames that use this certificate a new one. The plan is shown first, and names them."
                .to_owned(),
            commands: vec![format!(
                "{PROGRAM} certificate rotate {} --zone {zone} --cert client.pem --key client.key",
                self.own_id()
            )],
        }
    }

    fn delete(&self) -> Mending {
        let status = self.entry.reading().and_then(|reading| reading.status);
        if status == Some(Status::DeletionTimedOut) {
            let words = "Remove the association again.".to_owned();
            return Mending { words, commands: vec![self.change("void")] };
        }
        let words =
            "The deletion of its certificate timed out. Give the hostname another certificate, and delete \
                     that one again."
                .to_owned();
        Mending { words, ..self.replace() }
    }

    /// The certificate of the same issuer that lasts longest, if that is long enough.
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

    /// The id of the certificate that it has, or a word for one.
    fn own_id(&self) -> String {
        let certificate = self.entry.reading().and_then(|reading| reading.certificate.as_deref());
        let id = certificate.and_then(|certificate| certificate.id()).map(CertId::as_str);
        id.map_or_else(|| "CERT_ID".to_owned(), quoted)
    }
}

/// A word for a shell: what is more than a plain word stands between single quotes.
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
    fn a_shell_takes_no_word_apart() {
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
