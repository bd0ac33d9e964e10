//! A simulated Cloudflare API, served over TCP with faults on demand, and the origins of the demo.
//!
//! The base URL is `http://ADDRESS/client/v4`. Scripts change the data and add faults under
//! `http://ADDRESS/_simulator/`, without authentication. Bodies are JSON; an empty body counts as `{}`.
//! `ZONE` is the name or the id of a zone. A name that several zones share selects the first. The status is
//! 200, or 400 or 404 with `{"error"}`.
//!
//! | Route | Does |
//! |---|---|
//! | `GET zones` | lists zones: `id, name, account, status, type, gone, hostnames` |
//! | `PUT zones/ZONE` | adds or restores a zone with the [`ZoneChange`] in the body; `account` distinguishes zones of one name, as does `type` if it is `internal` |
//! | `PATCH zones/ZONE` | changes a zone, see [`ZoneChange`]: `{"status":"active","type":"full","account":"…","enabled":true,"tls_client_auth":"on","ssl":"full","hostnames":3,"gone":false}` |
//! | `DELETE zones/ZONE` | makes a zone disappear |
//! | `PUT zones/ZONE/hostnames/HOSTNAME` | associates a hostname, with a new certificate unless `cert_id` names one, enabled and active unless the [`AssociationChange`] in the body says otherwise |
//! | `PATCH zones/ZONE/hostnames/HOSTNAME` | changes an association, see [`AssociationChange`]: `{"enabled":null,"status":"…","cert_id":"…","certificate":{…}}` |
//! | `DELETE zones/ZONE/hostnames/HOSTNAME` | removes an association without a trace |
//! | `POST zones/ZONE/certificates` | issues a certificate: `{"expires_in":3600,"zone_level":false}`; returns its `id` |
//! | `PATCH zones/ZONE/certificates/ID` | changes a certificate of either store, see [`CertificateChange`]: `{"status":"…","expires_in":60,"expires_on":"…","serial_number":"…","issuer":"…"}` |
//! | `PUT zones/ZONE/dns_records` | replaces the DNS records of a zone, see [`DnsRecord`]: `[{"type":"A","name":"app.example.com","content":"203.0.113.7","proxied":true}]` |
//! | `PUT token` | sets the state of the initial token: `{"status":"active","expires_on":"…"}`, or `disabled`, `expired`, `revoked`, see [`Standing`] |
//! | `PUT tokens/TOKEN`, `DELETE tokens/TOKEN` | sets what a token sees and may do, see [`Scope`]: `{"accounts":["…"],"permissions":["zone_read","settings_read","ssl_read","ssl_edit","dns_read"]}`, everything if a key is missing; revokes it |
//! | `PUT rate-limit`, `DELETE rate-limit` | sets or removes the rate limit: `{"requests":1200,"per_seconds":300,"block_seconds":300}`, see [`RateLimit`]; both end a block |
//! | `GET requests?method=GET&path=TEXT` | returns the `count` of requests with this method and this text in path or query, the `total`, and `requests` by `METHOD target`, see [`Requests`] |
//! | `DELETE requests` | resets the counts |
//! | `POST faults` | adds a [`Fault`], aimed by `method`, `call` (see [`Aim`]) and `path`: `{"method":"GET","path":"/hostnames/","times":3,"effect":{"status":{"status":500}}}`; returns its `number` |
//! | `GET faults`, `DELETE faults`, `DELETE faults/NUMBER` | lists the active faults, removes all, removes one |
//!
//! Effects are `{"status":{"status":429,"code":971,"retry_after":"5"}}`, `{"delay":{"milliseconds":50}}`, `"hang"`,
//! `"lost"`, `{"cut":{"chunked":true}}`, `"garbage"`, `{"html":{"status":502}}`, `{"empty":{"status":200}}`,
//! `{"unsuccessful":{"code":1000}}`, `"null_result"`, `{"short_list":{"rows":0}}`, `"repeated_page"`,
//! `{"redirect":{"to":"http://…"}}` and `{"json":{"status":200,"body":…}}`, see [`Effect`].
//!
//! The simulator uses code 1400 for refusals whose code the API does not document.

mod answer;
mod api;
mod association;
mod authority;
mod certificate;
mod certificates;
mod control;
mod crowd;
mod demo;
mod dns;
mod facts;
mod fault;
mod gate;
mod hostnames;
mod origins;
mod payload;
mod presence;
mod progress;
mod query;
mod requests;
mod scope;
mod spoil;
mod steer;
mod tokens;
mod view;
mod world;
mod zone;
mod zones;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

pub use association::AssociationChange;
pub use certificate::CertificateChange;
pub use demo::{Demo, demo};
pub use dns::DnsRecord;
pub use facts::ZoneChange;
pub use fault::{Effect, Fault};
pub use gate::{RateLimit, Standing};
pub use origins::{Origin, OriginServer};
pub use requests::Requests;
pub use scope::{Permission, Scope};
pub use spoil::Aim;
pub use world::{World, WorldError};
pub use zone::Zone;

use crate::clock::Clock;
use crate::listener::{self, Limits};
use answer::{Answer, Refusal};
use api::Call;
use fault::Faults;
use payload::Payload;
use presence::Watch;
use query::Query;
use spoil::{page_before, renumbered};
use tokens::Tokens;

/// Options of the simulated API.
#[derive(Clone, Debug)]
pub struct Options {
    /// The accepted token. [`Simulator::set_scope`] adds others.
    pub token: String,
    /// True if tokens belong to the account rather than to a user.
    pub account_owned: bool,
    /// The duration of deployments and deletions.
    pub deployment_delay: Duration,
    /// The rate limit, if any.
    pub rate_limit: Option<RateLimit>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: "simulated-token".into(),
            account_owned: false,
            deployment_delay: Duration::from_secs(5),
            rate_limit: None,
        }
    }
}

/// A simulated Cloudflare API. Clones share one world.
#[derive(Clone)]
pub struct Simulator {
    state: Arc<Mutex<State>>,
    clock: Clock,
    deployment_delay: Duration,
    account_owned: bool,
}

struct State {
    world: World,
    tokens: Tokens,
    faults: Faults,
    requests: Requests,
    watch: Option<Watch>,
    /// The number of requests that are never answered.
    swallowed: u64,
}

impl Simulator {
    /// Creates a simulator of `world`. `clock` dates the changes made to it.
    pub fn new(world: World, options: &Options, clock: Clock) -> Self {
        let tokens = Tokens::new(&options.token, options.rate_limit);
        let state = State {
            world,
            tokens,
            faults: Faults::default(),
            requests: Requests::default(),
            watch: None,
            swallowed: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
            deployment_delay: options.deployment_delay,
            account_owned: options.account_owned,
        }
    }

    /// Answers on `listener` until `shutdown`. The base URL is `http://ADDRESS/client/v4`.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let limits = Limits {
            // requests that hang on purpose would delay the shutdown
            drain: Duration::from_millis(250),
            ..Limits::default()
        };
        let service = move |request| {
            let simulator = self.clone();
            async move { simulator.respond(request).await }
        };
        listener::serve(listener, limits, watch::channel(None).1, service, Arc::new(()), shutdown).await;
    }

    /// Reads or changes the data.
    pub fn with_world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.state().world)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Payload> {
        const LARGEST: usize = 8 * 1024 * 1024;
        let (head, body) = request.into_parts();
        let body = Limited::new(body, LARGEST).collect();
        if head.uri.path().starts_with(control::PREFIX) {
            let answer = body.await.map(|body| self.control(&head, &body.to_bytes()));
            return response(answer.unwrap_or_else(|_| Refusal::MALFORMED_BODY.into()), None, 0);
        }
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let (effect, ray) = {
            let mut state = self.state();
            state.requests.record(head.method.as_str(), target);
            (state.faults.strike(head.method.as_str(), target), state.requests.total())
        };
        match &effect {
            Some(Effect::Hang) => self.swallow().await,
            Some(Effect::Delay { milliseconds }) => {
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            }
            _ => {}
        }
        let answer = match (effect.as_ref().and_then(Effect::answer), body.await) {
            (Some(answer), _) => answer,
            (None, Err(_)) => Refusal::MALFORMED_BODY.into(),
            (None, Ok(body)) => self.spoiled(effect.as_ref(), &head, &body.to_bytes()),
        };
        if matches!(effect, Some(Effect::Lost)) {
            self.swallow().await;
        }
        response(answer, effect.as_ref(), ray)
    }

    /// Never answers.
    async fn swallow(&self) {
        self.state().swallowed += 1;
        std::future::pending::<()>().await;
    }

    /// Returns the regular response, as altered by an effect.
    fn spoiled(&self, effect: Option<&Effect>, head: &Parts, body: &[u8]) -> Answer {
        let query = head.uri.query().unwrap_or("");
        let before = matches!(effect, Some(Effect::RepeatedPage)).then(|| page_before(query)).flatten();
        if let Some((page, before)) = before {
            return renumbered(self.answer(head, &before, body), page);
        }
        let answer = self.answer(head, query, body);
        match effect {
            Some(effect) => effect.spoil(answer),
            None => answer,
        }
    }

    /// Returns the regular response.
    fn answer(&self, head: &Parts, query: &str, body: &[u8]) -> Answer {
        let call = Call {
            method: &head.method,
            path: head.uri.path(),
            query: Query(query),
            authorization: head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes),
            body,
            now: Instant::now(),
            time: self.clock.now(),
            delay: self.deployment_delay,
            account_owned: self.account_owned,
        };
        let State { world, tokens, watch, .. } = &mut *self.state();
        let answer = api::answer(world, tokens, &call);
        if let Some(watch) = watch {
            watch.look(world, Instant::now());
        }
        answer
    }
}

fn response(answer: Answer, effect: Option<&Effect>, ray: u64) -> Response<Payload> {
    let payload = match effect {
        Some(Effect::Cut { chunked }) => Payload::cut(answer.body, *chunked),
        _ => Payload::whole(answer.body),
    };
    let mut response = Response::new(payload);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    let ray = HeaderValue::try_from(format!("{ray:016x}-SIM"));
    headers.extend(ray.ok().map(|ray| (HeaderName::from_static("cf-ray"), ray)));
    headers.extend(answer.headers);
    response
}
