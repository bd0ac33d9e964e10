//! Carries out a rotation: reads the state, plans, takes one step, and repeats.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{New, Rotation, RotationPlan, RotationRefusal, Step, Store, read_store};
use crate::change::WaitPolicy;
use crate::cloudflare::{Client, Error, ListedCertificate};
use crate::domain::{CertId, Hostname, Reason, ZoneId};
use crate::keypair::KeyPair;

/// Rotates a certificate.
pub struct Rotator<'a> {
    /// The client, whose token must be allowed to edit.
    pub client: &'a Client,
    /// The zone.
    pub zone: ZoneId,
    /// The certificate to rotate.
    pub rotation: &'a Rotation,
    /// The new certificate, or the id of one that the zone already has.
    pub new: Result<&'a KeyPair, &'a CertId>,
    /// The pauses and time limits of waiting.
    pub policy: WaitPolicy,
    /// Stops the rotation after the current request.
    pub stop: CancellationToken,
}

/// A progress report.
#[derive(Debug)]
pub enum Progress<'p> {
    /// This step begins, or is still being waited for.
    Step(Step, &'p RotationPlan, Duration),
    /// The certificate was uploaded and has this id.
    Uploaded(&'p CertId),
    /// A request failed, and the rotation continues.
    Failed(&'static str, &'p Error),
    /// The hostnames that use the old certificate differ from the plan that was shown.
    Changed(&'p RotationPlan),
}

/// The reason why a rotation stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// A request failed.
    #[error("{0}: {1}")]
    Api(&'static str, #[source] Error),
    /// The rotation cannot be completed.
    #[error(transparent)]
    Refused(#[from] RotationRefusal),
    /// The time limit of a step has passed.
    #[error("the rotation is not in force after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The changes of these hostnames timed out at Cloudflare.
    #[error("Cloudflare gave up deploying the association of {}", .0.iter().map(Hostname::as_str).collect::<Vec<_>>().join(", "))]
    GivenUp(Vec<Hostname>),
    /// The hostnames differ from those that were shown.
    #[error("the hostnames that use the old certificate have changed since they were shown")]
    Changed,
    /// The rotation was told to stop.
    #[error("interrupted")]
    Interrupted,
}

/// The state of a run.
#[derive(Default)]
struct Run {
    /// The response to the upload, kept because a list may not show the certificate yet.
    uploaded: Option<ListedCertificate>,
    /// The error of an upload that may nevertheless have succeeded.
    open: Option<Error>,
    /// True once the hostnames were associated.
    associated: bool,
    step: Option<(Step, Instant)>,
    pause: Duration,
}

/// The timeout of the plan that is made after the rotation has stopped.
const LAST_LOOK: Duration = Duration::from_secs(10);

impl Rotator<'_> {
    /// Reads the current state, and plans.
    ///
    /// # Errors
    /// Fails if the state cannot be read, or the rotation is refused.
    pub async fn plan(&self) -> Result<(RotationPlan, Store), Halt> {
        self.planned(None).await
    }

    async fn planned(&self, uploaded: Option<&ListedCertificate>) -> Result<(RotationPlan, Store), Halt> {
        let mut wanted = vec![&self.rotation.old];
        wanted.extend(self.new.err());
        let store =
            read_store(self.client, self.zone, self.rotation.level, &wanted, || self.deadline()).await;
        let mut store = store.map_err(|(what, error)| Halt::Api(what, error))?;
        if let Some(uploaded) = uploaded.filter(|uploaded| store.certificate(&uploaded.id).is_none()) {
            store.certificates.push(uploaded.clone());
        }
        let new = match (self.new, uploaded) {
            (Ok(_), Some(uploaded)) => New::Id(&uploaded.id),
            (Ok(pair), None) => New::Pair(pair.leaf()),
            (Err(id), _) => New::Id(id),
        };
        let plan = self.rotation.plan(new, &store)?;
        Ok((plan, store))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.policy.call + self.client.budget().time_for(1)
    }

    /// Rotates. The plan may differ from `shown` only if no confirmation was asked for.
    ///
    /// # Errors
    /// Fails with the reason why it stopped, and the last plan.
    pub async fn run(
        &self,
        shown: &RotationPlan,
        was_asked: bool,
        tell: impl FnMut(Progress<'_>),
    ) -> Result<RotationPlan, (Halt, RotationPlan)> {
        let (mut run, mut last) = (Run { pause: self.policy.first, ..Run::default() }, shown.clone());
        match self.steps(&mut run, &mut last, was_asked, tell).await {
            Ok(()) => Ok(last),
            Err(halt) => {
                // the last plan is older than the last request
                let looked = timeout(LAST_LOOK, self.planned(run.uploaded.as_ref())).await;
                let last = looked.ok().and_then(Result::ok).map_or(last, |(plan, _)| plan);
                // the last request may have been the last step
                if last.step() == Step::Done { Ok(last) } else { Err((halt, last)) }
            }
        }
    }

    /// Takes steps until none is left. `last` is set to the plan of each.
    async fn steps(
        &self,
        run: &mut Run,
        last: &mut RotationPlan,
        was_asked: bool,
        mut tell: impl FnMut(Progress<'_>),
    ) -> Result<(), Halt> {
        let mut shown = last.moves.clone();
        loop {
            if self.stop.is_cancelled() {
                return Err(Halt::Interrupted);
            }
            let plan = match self.planned(run.uploaded.as_ref()).await {
                Ok((plan, _)) => plan,
                Err(Halt::Api(what, error)) if may_pass(&error) => {
                    tell(Progress::Failed(what, &error));
                    let since = run.step.get_or_insert((Step::Done, Instant::now())).1;
                    if since.elapsed() > self.policy.limit {
                        return Err(Halt::Api(what, error));
                    }
                    self.rest(run).await;
                    continue;
                }
                Err(halt) => return Err(halt),
            };
            last.clone_from(&plan);
            let step = plan.step();
            if run.step.is_none_or(|(before, _)| before != step) {
                (run.step, run.pause) = (Some((step, Instant::now())), self.policy.first);
            }
            let since = run.step.map_or(Duration::ZERO, |(_, start)| start.elapsed());
            if !matches!(step, Step::Upload | Step::AwaitCertificate)
                && plan.is_other(&shown, &self.rotation.old)
            {
                tell(Progress::Changed(&plan));
                if was_asked {
                    return Err(Halt::Changed);
                }
                shown.retain(|(hostname, _)| plan.covers(hostname));
                shown.extend(plan.moves.iter().cloned());
            }
            // the rotation may have been interrupted during the reads
            if self.stop.is_cancelled() {
                return Err(Halt::Interrupted);
            }
            tell(Progress::Step(step, &plan, since));
            if self.take(step, &plan, run, &mut tell).await? {
                return Ok(());
            }
            last.taken(step, run.uploaded.as_ref());
            if since > self.policy.limit {
                return Err(Halt::TimedOut(self.policy.limit));
            }
        }
    }

    /// Takes a step; returns true if there was none left.
    async fn take(
        &self,
        step: Step,
        plan: &RotationPlan,
        run: &mut Run,
        tell: &mut impl FnMut(Progress<'_>),
    ) -> Result<bool, Halt> {
        match (step, &plan.new, self.new) {
            (Step::Done, ..) => return Ok(true),
            (Step::Upload, _, Ok(pair)) => self.upload(pair, run, tell).await?,
            (Step::Associate, Some(new), _) => {
                if run.associated
                    && plan.moves.iter().any(|(_, state)| state.cert_id.as_ref() == Some(&new.id))
                {
                    return Err(Halt::GivenUp(plan.moves.iter().map(|(name, _)| name.clone()).collect()));
                }
                let changes = plan.changes(&new.id);
                if run.associated {
                    // the list may not show the change yet
                    self.rest(run).await;
                }
                let answer = self.client.put_hostnames(self.zone, &changes, self.deadline()).await;
                run.associated |= answer.is_ok();
                self.settle("associating the hostnames", answer.map(|_| ()), run, tell).await?;
            }
            (Step::Delete, ..) => {
                let (level, old) = (self.rotation.level, &self.rotation.old);
                let answer = self.client.delete_certificate(self.zone, level, old, self.deadline()).await;
                self.settle("deleting the old certificate", answer, run, tell).await?;
            }
            _ => self.rest(run).await,
        }
        Ok(false)
    }

    async fn upload(
        &self,
        pair: &KeyPair,
        run: &mut Run,
        tell: &mut impl FnMut(Progress<'_>),
    ) -> Result<(), Halt> {
        const WHAT: &str = "uploading the certificate";
        // after a lost response, the list still lacks the certificate; another upload could add it twice
        if let Some(error) = run.open.take() {
            return Err(Halt::Api(WHAT, error));
        }
        match self.client.upload(self.zone, self.rotation.level, pair, self.deadline()).await {
            Ok(uploaded) => {
                tell(Progress::Uploaded(&uploaded.id));
                run.uploaded = Some(uploaded);
                Ok(())
            }
            // the list will show if the certificate was added
            Err(error) if error.may_have_succeeded() || error.is_of_twin() => {
                tell(Progress::Failed(WHAT, &error));
                run.open = Some(error);
                self.rest(run).await;
                Ok(())
            }
            Err(error) => Err(Halt::Api(WHAT, error)),
        }
    }

    /// Continues after a temporary failure. The next reading shows what was done.
    async fn settle(
        &self,
        what: &'static str,
        answer: Result<(), Error>,
        run: &mut Run,
        tell: &mut impl FnMut(Progress<'_>),
    ) -> Result<(), Halt> {
        match answer {
            // a missing certificate may have been deleted by a request whose response was lost
            Err(error) if may_pass(&error) || error.is_conflict() || error.is_missing() => {
                tell(Progress::Failed(what, &error));
                let since = run.step.map_or(Duration::ZERO, |(_, start)| start.elapsed());
                if since > self.policy.limit {
                    return Err(Halt::Api(what, error));
                }
                self.rest(run).await;
                Ok(())
            }
            answer => answer.map_err(|error| Halt::Api(what, error)),
        }
    }

    /// Waits before the next reading, or until the rotation is told to stop.
    async fn rest(&self, run: &mut Run) {
        let _ = self.stop.run_until_cancelled(sleep(run.pause)).await;
        run.pause = (run.pause * 2).min(self.policy.longest);
    }
}

/// Returns true if a later request may succeed.
fn may_pass(error: &Error) -> bool {
    let lasting = [Reason::Auth, Reason::Forbidden, Reason::NotFound, Reason::Rejected, Reason::Tls];
    !lasting.contains(&error.reason()) && !matches!(error, Error::Page { .. })
}
