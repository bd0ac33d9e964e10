//! Runs the commands that a stopped rotation prints, unchanged.

use std::process::{Command, Stdio};
use std::time::Duration;

use cloudflare_aop_exporter::domain::{CertId, Level};
use cloudflare_aop_exporter::simulator::CertificateChange;

use super::{PAIR, Ran, Stage, TOKEN};
use crate::support::harness::{now, soon};

impl Stage {
    /// Runs a printed command in a shell, with confirmation.
    async fn paste(&self, printed: &str) -> Ran {
        let program = env!("CARGO_BIN_EXE_cloudflare-aop-exporter");
        let line = printed.trim().replacen("cloudflare-aop-exporter", program, 1);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{line} --yes")]);
        command.env("CLOUDFLARE_API_TOKEN", TOKEN).current_dir(self.folder.path()).stdin(Stdio::null());
        self.ran(command).await
    }

    /// Waits for the uploaded certificate and returns its id.
    async fn uploaded(&self) -> CertId {
        let mut asking = self.api.client();
        asking.token.send_replace(TOKEN.parse().unwrap());
        asking.options.timeout = Duration::from_secs(5);
        let client = asking.build();
        let deadline = soon();
        loop {
            let listed = client.certificates(self.api.zone, Level::Hostname, soon()).await.unwrap().rows;
            if let Some(new) = listed.iter().find(|known| known.id != self.old) {
                return new.id.clone();
            }
            assert!(tokio::time::Instant::now() < deadline);
        }
    }
}

/// Returns the line that follows `line`.
fn after<'t>(text: &'t str, line: &str) -> &'t str {
    let rest = text.split(&format!("{line}\n")).nth(1).unwrap_or_else(|| panic!("{line}: {text}"));
    rest.lines().next().unwrap()
}

#[tokio::test]
async fn a_stopped_rotation_prints_one_command_that_continues_it_and_one_that_reverts_it() {
    for ends in ["To continue:", "To go back:"] {
        let stage = Stage::new(Duration::from_secs(2)).await;
        let late = stage.run(&format!("rotate {} {PAIR} --yes --wait-timeout 500ms", stage.old)).await;
        assert_eq!(late.code, Some(3), "{}", late.err);
        let pasted = stage.paste(after(&late.err, ends)).await;
        assert_eq!(pasted.code, Some(0), "{}", pasted.err);
        assert_eq!(stage.count("DELETE"), u64::from(ends == "To go back:"));
        assert_eq!(stage.count("PUT"), u64::from(ends == "To continue:"));
    }
}

#[tokio::test]
async fn a_new_certificate_whose_deployment_timed_out_is_deleted_by_the_pasted_command() {
    let stage = Stage::new(Duration::from_secs(3600)).await;
    let mut command = stage.command(&format!("rotate {} {PAIR} --yes", stage.old));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let new = stage.uploaded().await;
    stage.api.simulator.with_world(|world| {
        let change = CertificateChange {
            status: Some("deployment_timed_out".to_owned()),
            ..CertificateChange::default()
        };
        world.zone("example.com").unwrap().change_certificate(&new, change, now()).unwrap();
    });
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains(&format!("Cloudflare gave up deploying certificate {new}")), "{err}");
    let command = after(&err, "To continue, delete the new one and run the same command again:");
    let pasted = stage.paste(command).await;
    assert_eq!(pasted.code, Some(0), "{}", pasted.err);
    assert_eq!(stage.count("DELETE"), 1);
}
