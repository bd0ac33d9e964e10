//! Tests of all faults with every API call of the exporter, over HTTP/1.1 and over TLS with HTTP/2. Each fault must
//! keep the readings, be counted, and leave no trace after the first successful poll.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloudflare_aop_exporter::cloudflare::{Change, Error};
use cloudflare_aop_exporter::domain::{Reason, TokenState};
use cloudflare_aop_exporter::telemetry::Endpoint;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::front::{Answer, LOST, Transport, Wrong};
use crate::support::harness::{Asking, budget, hostname, now, soon};
use crate::support::lane::{Call, Lane, Stage};
use crate::support::polling::Reads;
use crate::support::wrongs::{Fault, What, faults};

#[test]
fn no_fault_of_a_call_makes_a_sample_wrong_or_lost() {
    // each part has its own thread; silent faults, which wait for timeouts, are a separate part
    let parts = [
        (Transport::Plain, false),
        (Transport::Tls, false),
        (Transport::Plain, true),
        (Transport::Tls, true),
    ];
    let (tried, wrong): (Vec<_>, Vec<_>) = std::thread::scope(|scope| {
        let parts = parts.map(|(transport, silent)| {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(try_all(transport, silent))
            })
        });
        parts.map(|part| part.join().unwrap()).into_iter().unzip()
    });
    let (tried, wrong) = (tried.iter().sum::<usize>(), wrong.concat());
    println!("faults × calls tried: {tried}, wrong samples: {}", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The calls that fail: those of a poll of one zone by name, a change, the verification of a token, and those that find
/// the zones of an account and the origins of its hostnames.
const CALLS: [Call; 15] = [
    Call::Of(Endpoint::HostnameGet),
    Call::Of(Endpoint::HostnameList),
    Call::Of(Endpoint::HostnamePut),
    Call::Of(Endpoint::CertificateList),
    Call::Of(Endpoint::ZoneCertificateList),
    Call::Of(Endpoint::ZoneSettings),
    Call::Of(Endpoint::GlobalSwitchGet),
    Call::Of(Endpoint::SslModeGet),
    Call::Of(Endpoint::DnsRecordList),
    Call::Of(Endpoint::IpRangeList),
    Call::Of(Endpoint::ZoneList),
    Call::Of(Endpoint::TokenVerify),
    Call::Zones,
    Call::LaterZones,
    Call::LostZone,
];

/// Returns the number of failed calls, and the errors in their results.
async fn try_all(transport: Transport, silent: bool) -> (usize, Vec<String>) {
    let (visits, elsewhere) = elsewhere().await;
    let stage = Arc::new(Stage::new().await);
    let mut faults = faults(&elsewhere);
    faults.retain(|fault| fault.is_silent() == silent && (transport == Transport::Tls || !fault.is_of_tls()));
    let (mut lanes, mut tried, mut wrong) = (JoinSet::new(), 0, Vec::new());
    let mut start = |faults: &[Fault], calls: &'static [Call]| {
        tried += faults.len() * calls.len();
        // a server that stops listening needs the same port again
        let closes = faults.iter().any(|fault| matches!(fault.what, What::Refused));
        let host = if closes { 2 + u8::try_from(lanes.len()).unwrap() } else { 1 };
        let (stage, faults) = (Arc::clone(&stage), faults.to_vec());
        lanes.spawn(async move {
            let mut lane = Lane::new(stage, transport, host).await;
            let mut wrong = Vec::new();
            for fault in &faults {
                for call in calls {
                    let case = Case { lane: &mut lane, fault, call: *call, wrong: Vec::new() };
                    wrong.extend(case.run().await);
                }
            }
            wrong
        });
    };
    let (slow, quick): (Vec<_>, Vec<_>) = faults.into_iter().partition(Fault::is_slow);
    // retried calls spend their time waiting
    for fault in slow {
        for calls in CALLS.chunks(if silent { 2 } else { 4 }) {
            start(std::slice::from_ref(&fault), calls);
        }
    }
    for faults in quick.chunks(8) {
        start(faults, &CALLS);
    }
    while let Some(lane) = lanes.join_next().await {
        wrong.extend(lane.unwrap());
    }
    if visits.load(Ordering::Relaxed) > 0 {
        wrong.push("a request went to another host".to_owned());
    }
    (tried, wrong)
}

/// Starts a host that must receive no request, and returns the number of its requests and its URL.
async fn elsewhere() -> (Arc<AtomicUsize>, String) {
    // an address where no other test expects its former port
    let listener = TcpListener::bind("127.77.1.1:0").await.unwrap();
    let url = format!("http://{}/client/v4/zones", listener.local_addr().unwrap());
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (visits, url)
}

/// One fault of one call.
struct Case<'l> {
    lane: &'l mut Lane,
    fault: &'l Fault,
    call: Call,
    wrong: Vec<String>,
}

impl Case<'_> {
    /// The errors found.
    async fn run(mut self) -> Vec<String> {
        match self.call {
            Call::Of(Endpoint::HostnamePut) => self.put().await,
            Call::Of(Endpoint::TokenVerify) => self.verify().await,
            Call::Of(Endpoint::DnsRecordList | Endpoint::IpRangeList) => self.read().await,
            _ => self.poll().await,
        }
        let name = format!("{} of {} ({:?})", self.fault.name, self.call.label(), self.lane.transport);
        self.wrong.iter().map(|wrong| format!("{name}: {wrong}")).collect()
    }

    /// Causes the fault.
    async fn strike(&mut self) {
        match &self.fault.what {
            What::Answer(answer) => self.lane.front.spoil(self.call.wrong(answer.clone())).await,
            What::Refused => self.lane.front.spoil(Wrong::Refused).await,
            What::Untrusted => self.lane.front.spoil(Wrong::Untrusted).await,
            What::Expired => self.lane.front.spoil(Wrong::Expired).await,
            What::Unresolvable | What::Clock(_) => {}
        }
        if let Some(asking) = self.struck_asking() {
            self.lane.client = asking.build();
        }
    }

    /// Returns the client to use during the fault, if it differs from the usual one.
    fn struck_asking(&self) -> Option<Asking> {
        let Asking { mut options, token, budget, telemetry, clock } = self.lane.asking.clone();
        match self.fault.what {
            // a label that cannot be resolved
            What::Unresolvable => {
                options.base_url = format!("https://{}.invalid/", "a".repeat(64)).parse().unwrap();
            }
            // long enough for a response on a busy machine
            What::Answer(Answer::Hang | Answer::Drip) => options.timeout = Duration::from_secs(3),
            _ => return None,
        }
        Some(Asking { options, token, budget, telemetry, clock })
    }

    /// Ends the fault and the block that it caused.
    async fn mend(&mut self) {
        self.lane.front.mend().await;
        if self.fault.blocks() {
            self.lane.asking.budget = budget(1_000_000, Duration::from_secs(1));
        }
        if self.fault.blocks() || self.struck_asking().is_some() {
            self.lane.client = self.lane.asking.build();
        }
    }

    async fn put(&mut self) {
        let zone = self.lane.stage.zone;
        let cert_id = self.lane.client.hostname_certificates(zone, soon()).await.unwrap().rows[0].id.clone();
        let change = [Change { hostname: hostname("h1.example.com"), cert_id, enabled: Some(true) }];
        self.strike().await;
        let answer = self.lane.client.put_hostnames(zone, &change, soon()).await;
        // a change with an empty response was made nevertheless
        let nothing = ["no result", "a result of null", "deep lists in an unknown field"];
        let expected = self.fault.reason.filter(|_| !nothing.contains(&self.fault.name));
        if answer.as_ref().err().map(Error::reason) != expected {
            self.wrong.push(format!("{answer:?} instead of {expected:?}"));
        }
        self.mend().await;
        let answer = self.lane.client.put_hostnames(zone, &change, soon()).await;
        self.wrong.extend(answer.err().map(|error| format!("after it: {error}")));
    }

    /// Reads records or ranges before, during and after the fault.
    async fn read(&mut self) {
        let good = self.found().await.unwrap();
        self.strike().await;
        let struck = self.found().await.map_err(|error| error.reason());
        let expected = self.fault.reason.map_or_else(|| Ok(good.clone()), Err);
        if struck != expected {
            self.wrong.push(format!("{struck:?} instead of {expected:?}"));
        }
        self.mend().await;
        let mended = self.found().await;
        if mended.as_ref().ok() != Some(&good) {
            self.wrong.push(format!("after it: {mended:?}"));
        }
    }

    async fn found(&self) -> Result<String, Error> {
        let Lane { client, stage, .. } = &*self.lane;
        if self.call == Call::Of(Endpoint::IpRangeList) {
            return client.ip_ranges(soon()).await.map(|ranges| format!("{ranges:?}"));
        }
        client.dns_records(stage.zone, soon()).await.map(|records| format!("{records:?}"))
    }

    async fn verify(&mut self) {
        let valid = |answer: Result<TokenState, Error>| match answer {
            Ok(state) => Ok(state.valid),
            Err(error) => Err(error.reason()),
        };
        let first = valid(self.lane.client.verify_token(soon()).await);
        self.strike().await;
        let second = valid(self.lane.client.verify_token(soon()).await);
        self.mend().await;
        let third = valid(self.lane.client.verify_token(soon()).await);
        let expected = match self.fault.reason {
            None => Ok(Some(true)),
            // a response, which may mean that the token cannot be verified this way
            Some(Reason::Auth | Reason::Forbidden | Reason::NotFound | Reason::Rejected) => Ok(None),
            Some(reason) => Err(reason),
        };
        if [first, second, third] != [Ok(Some(true)), expected, Ok(Some(true))] {
            self.wrong.push(format!("valid {first:?}, {second:?}, {third:?}"));
        }
    }

    async fn poll(&mut self) {
        let (mut polling, good) = self.lane.polling(self.call).await;
        if self.call == Call::Of(Endpoint::ZoneList) {
            // a zone is looked up again if its id was refused
            let refused = Answer::Whole(403, Vec::new(), "{}".into());
            self.lane.front.spoil(Wrong::Zone(refused)).await;
            self.lane.errors = polling.poll(&self.lane.client).await.errors();
            self.lane.front.mend().await;
        }

        let off = if let What::Clock(off) = self.fault.what { off } else { 0 };
        self.lane.asking.clock.set(now() + SignedDuration::from_secs(off));
        self.strike().await;
        let struck = polling.poll(&self.lane.client).await;
        let spreads = self.fault.spreads(self.lane.transport == Transport::Tls);
        let reads = if spreads { Reads::Some } else { self.reads() };
        let left = self.has_left().then(|| good.without(LOST));
        struck.compare(left.as_ref().unwrap_or(&good), reads, "during it", &mut self.wrong);
        self.check_errors(&struck.errors_since(&self.lane.errors), spreads);
        if self.is_listed().is_some_and(|listed| listed != struck.is_account_up()) {
            self.wrong.push(format!("the account is up: {}", struck.is_account_up()));
        }

        if self.fault.blocks() {
            self.lane.front.mend().await;
            let requests = self.lane.front.requests();
            let blocked = polling.poll(&self.lane.client).await;
            let (new, requests) =
                (blocked.errors_since(&struck.errors()), self.lane.front.requests() - requests);
            if requests != 0 || new.iter().any(|(reason, _)| *reason != Reason::RateLimited) {
                self.wrong.push(format!("while it is blocked: {requests} requests, {new:?}"));
            }
            blocked.compare(&good, Reads::Some, "while it is blocked", &mut self.wrong);
        }
        self.mend().await;
        self.lane.asking.clock.set(now() + SignedDuration::from_mins(10));
        let mended = polling.poll(&self.lane.client).await;
        self.lane.errors = mended.errors();
        mended.compare(&good, Reads::All, "after it", &mut self.wrong);
        if !mended.is_account_up() {
            self.wrong.push("after it: the account is not up".to_owned());
        }
        self.lane.pollings.push((polling, mended));
    }

    /// Returns what the zone's poll can read.
    fn reads(&self) -> Reads {
        let is_of_all = matches!(self.fault.reason, Some(Reason::Auth | Reason::Connect | Reason::Tls));
        match (&self.fault.what, self.call) {
            (What::Clock(_), _) => Reads::All,
            (What::Answer(_), Call::Of(Endpoint::ZoneSettings | Endpoint::ZoneCertificateList)) => {
                Reads::Hostnames
            }
            // hostnames are read one by one, unless the token or the network caused the fault
            (What::Answer(_), Call::Of(Endpoint::HostnameList | Endpoint::CertificateList)) if !is_of_all => {
                Reads::All
            }
            // the known id is used
            (What::Answer(_), Call::Of(Endpoint::ZoneList)) => Reads::All,
            // the settings are optional
            (What::Answer(_), Call::Of(Endpoint::GlobalSwitchGet | Endpoint::SslModeGet)) => Reads::All,
            // the known zones are read
            (What::Answer(_), Call::Zones | Call::LaterZones | Call::LostZone) => Reads::All,
            _ => Reads::None,
        }
    }

    /// Returns true if Cloudflare answers that the zone missing from the list no longer exists.
    fn has_left(&self) -> bool {
        let is_said = matches!(self.fault.reason, Some(Reason::Forbidden | Reason::NotFound));
        self.call == Call::LostZone && is_said
    }

    /// Returns true if the list of the account's zones can be read; `None` if the call is about something else.
    fn is_listed(&self) -> Option<bool> {
        let of_network = !matches!(self.fault.what, What::Answer(_)) && self.fault.reason.is_some();
        match self.call {
            Call::Of(_) => None,
            Call::Zones | Call::LaterZones => Some(self.fault.reason.is_none()),
            // if nothing can be read, no zone is up
            Call::LostZone if self.fault.spreads(self.lane.transport == Transport::Tls) => None,
            Call::LostZone => Some(!of_network),
        }
    }

    /// Checks that every failure is counted once, under its reason.
    fn check_errors(&mut self, new: &[(Reason, f64)], spreads: bool) {
        let fails = match (&self.fault.what, self.call) {
            (What::Clock(_), _) => 0.0,
            (_, Call::Of(Endpoint::HostnameGet)) => 5.0,
            // the token need not be allowed to read settings
            (What::Answer(_), Call::Of(Endpoint::GlobalSwitchGet | Endpoint::SslModeGet))
                if self.fault.reason == Some(Reason::Forbidden) =>
            {
                0.0
            }
            // errors are counted by zone
            (What::Answer(_), Call::Zones | Call::LaterZones | Call::LostZone) => 0.0,
            (What::Answer(_), _) => 1.0,
            // the look-up, the list, the zone-level switch and its certificates, the two settings
            (_, Call::Of(Endpoint::ZoneList)) => 6.0,
            _ => 5.0,
        };
        let expected = self.fault.reason.map(|reason| (reason, fails)).filter(|(_, fails)| *fails > 0.0);
        let counted = if spreads {
            new.iter().all(|(reason, _)| Some(*reason) == self.fault.reason)
                && (new.len() == 1 || expected.is_none())
        } else {
            new == expected.as_slice()
        };
        if !counted {
            self.wrong.push(format!("counted {new:?} instead of {expected:?}"));
        }
    }
}
