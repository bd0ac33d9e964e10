//! Tests of the limits on connections.

use super::*;

#[tokio::test]
async fn a_slow_request_head_closes_the_connection() {
    let head = Duration::from_millis(100);
    let served = Served::start(Limits { head, ..PATIENT }, []).await;
    let mut client = served.connect().await;
    // the limit holds for a second head, and for one whose bytes keep coming
    for _ in 0..2 {
        // time between two heads does not count
        tokio::time::sleep(2 * head).await;
        client.ask("ok").await;
    }
    let started = Instant::now();
    for byte in [b"G", b"E", b"T"] {
        client.send(byte).await;
        tokio::time::sleep(head / 4).await;
    }
    assert_eq!(client.read_to_end().await, b"");
    assert!(started.elapsed() >= head);
    assert!(started.elapsed() < NEVER / 2);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let idle = Duration::from_millis(100);
    let served = Served::start(Limits { idle, ..PATIENT }, []).await;
    assert_eq!(served.connect().await.read_to_end().await, b"");
    let mut client = served.connect().await;
    let asked = Instant::now();
    client.ask("ok").await;
    assert_eq!(client.read_to_end().await, b"");
    assert!(asked.elapsed() >= idle);
}

#[test]
fn the_idle_timeout_exceeds_a_scrape_interval_and_the_head_timeout_does_not() {
    let Limits { idle, head, .. } = Limits::default();
    assert_eq!((idle, head), (Duration::from_secs(120), Duration::from_secs(30)));
}

#[tokio::test]
async fn a_client_that_shuts_down_its_sending_side_still_gets_its_response() {
    let (frames, body) = frames();
    let served = Served::start(PATIENT, [body]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    client.0.shutdown().await.unwrap();
    frames.send("late").await.unwrap();
    client.read_until("late\r\n").await;
    drop(frames);
    assert!(client.read_to_end().await.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected() {
    let (dropped, body) = endless();
    let limits = Limits { write_progress: Duration::from_millis(100), ..PATIENT };
    let served = Served::start(limits, [body]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    let _ = soon(dropped).await;
    assert!(!client.read_to_end().await.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_connection_over_the_limit_closes_the_longest_idle_one() {
    let served = Served::start(Limits { connections: 3, ..PATIENT }, []).await;
    let (mut first, mut second, mut third) =
        (served.connect().await, served.connect().await, served.connect().await);
    for client in [&mut second, &mut third, &mut first] {
        client.ask("ok").await;
    }
    // a connection that is already closed must not be chosen
    third.0.shutdown().await.unwrap();
    assert_eq!(third.read_to_end().await, b"");
    let mut third = served.connect().await;
    third.ask("ok").await;
    let mut newest = served.connect().await;
    newest.ask("ok").await;
    assert_eq!(second.read_to_end().await, b"");
    for client in [&mut first, &mut third, &mut newest] {
        client.ask("ok").await;
    }
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_until_a_busy_one_is_idle() {
    let (frames, body) = frames();
    let served = Served::start(Limits { connections: 1, ..PATIENT }, [body]).await;
    let mut busy = served.connect().await;
    busy.send(REQUEST).await;
    frames.send("running").await.unwrap();
    busy.read_until("running\r\n").await;
    let mut waiting = served.connect().await;
    waiting.send(REQUEST).await;
    drop(frames);
    waiting.read_until("ok").await;
    assert_eq!(busy.read_to_end().await, b"0\r\n\r\n");
}

#[tokio::test]
async fn a_burst_of_connections_with_requests_is_answered() {
    let served = Served::start(Limits { connections: 2, ..PATIENT }, []).await;
    // the listener accepts none of them before all are open
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let mut client = std::net::TcpStream::connect(served.address).unwrap();
            io::Write::write_all(&mut client, REQUEST).unwrap();
            client.set_nonblocking(true).unwrap();
            Client(TcpStream::from_std(client).unwrap())
        })
        .collect();
    for mut client in clients {
        client.read_until("ok").await;
    }
}

#[tokio::test]
async fn without_an_idle_connection_the_longest_stalled_one_is_closed() {
    let ((dropped, first), (mut kept, second)) = (endless(), endless());
    let served = Served::start(Limits { connections: 2, ..PATIENT }, [first, second]).await;
    let (mut stalled, mut reading) = (served.connect().await, served.connect().await);
    stalled.send(REQUEST).await;
    stalled.read_until("x").await;
    reading.send(REQUEST).await;
    // read until the buffers of the first connection are full and the second has read since
    let mut bytes = vec![0; 1 << 20];
    for _ in 0..64 {
        soon(reading.0.read(&mut bytes)).await.unwrap();
    }
    let mut newest = served.connect().await;
    newest.send(REQUEST).await;
    while timeout(Duration::from_millis(1), newest.0.readable()).await.is_err() {
        soon(reading.0.read(&mut bytes)).await.unwrap();
    }
    newest.read_until("ok").await;
    let _ = soon(dropped).await;
    assert!(kept.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
}

#[tokio::test]
async fn a_body_that_panics_closes_only_its_own_connection() {
    struct Broken;

    impl Body for Broken {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("a body panics");
        }
    }

    let served =
        Served::start(Limits { connections: 2, ..PATIENT }, [whole("ok"), Broken.boxed_unsync()]).await;
    let (mut other, mut broken) = (served.connect().await, served.connect().await);
    other.ask("ok").await;
    broken.send(REQUEST).await;
    assert!(!broken.read_to_end().await.ends_with(b"0\r\n\r\n"));
    other.ask("ok").await;
    // the slot of the panicked connection is free
    served.connect().await.ask("ok").await;
    other.ask("ok").await;
}
