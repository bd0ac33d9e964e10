//! Tests of saving each snapshot while the daemon runs.

use super::*;

#[tokio::test]
async fn each_snapshot_is_saved_and_the_last_one_before_shutdown() {
    let stored = Stored::new("");
    let published = watch::Sender::new(Arc::new(Snapshot::default()));
    let keeping = tokio::spawn(keep(stored.path(), published.subscribe(), CancellationToken::new()));
    published.send_replace(Arc::new(known()));
    while fs::read_to_string(stored.path()).unwrap() != STORED {
        sleep(Duration::from_millis(1)).await;
    }
    for targets in [Targets::new([watched()]), Targets::default()] {
        published.send_replace(Arc::new(Snapshot::default().retarget(&targets)));
    }
    drop(published);
    keeping.await.unwrap();
    let empty = r#"{"format":"cloudflare-aop-exporter state","version":1,"accounts":[],"zones":[]}"#;
    assert_eq!(fs::read_to_string(stored.path()).unwrap(), empty);
}

/// Captures the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).matches(text).count()
    }
}

#[tokio::test]
async fn a_failure_to_save_is_logged_once_and_retried() {
    let (log, folder) = (Log::default(), tempfile::tempdir().unwrap());
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || to.clone()).finish();
    let _in_force = tracing::subscriber::set_default(subscriber);
    let path = folder.path().join("later/state.json");
    for (comes, told) in [(false, 1), (true, 2)] {
        let published = watch::Sender::new(Arc::new(Snapshot::default()));
        let shutdown = CancellationToken::new();
        let keeping = tokio::spawn(keep(path.clone(), published.subscribe(), shutdown.clone()));
        published.send_replace(Arc::new(known()));
        while log.count("ERROR") < told {
            sleep(Duration::from_millis(1)).await;
        }
        if comes {
            fs::create_dir(folder.path().join("later")).unwrap();
        }
        shutdown.cancel();
        drop(published);
        keeping.await.unwrap();
        assert_eq!((log.count("ERROR"), log.count("is written again")), (told, usize::from(comes)));
    }
    assert_eq!(fs::read_to_string(path).unwrap(), STORED);
}
