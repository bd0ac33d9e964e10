//! Tests of draining, on shutdown and when the TLS acceptor changes.

use super::*;

#[tokio::test]
async fn a_response_in_flight_is_finished_after_shutdown() {
    let (frames, body) = frames();
    let mut served = Served::start(PATIENT, [body]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    frames.send("before").await.unwrap();
    client.read_until("before\r\n").await;
    served.stop().await;
    frames.send("after").await.unwrap();
    drop(frames);
    assert_eq!(client.read_to_end().await, b"5\r\nafter\r\n0\r\n\r\n");
    served.ends().await;
}

#[tokio::test]
async fn a_new_tls_acceptor_closes_connections_after_their_current_response() {
    let (frames, body) = frames();
    let served = Served::start(PATIENT, [body]).await;
    let (mut busy, mut idle, mut half) =
        (served.connect().await, served.connect().await, served.connect().await);
    busy.send(REQUEST).await;
    frames.send("before").await.unwrap();
    busy.read_until("before\r\n").await;
    idle.ask("ok").await;
    half.ask("ok").await;
    half.send(b"GET / HTTP/1.1\r\nHo").await;
    served.tls.send(None).unwrap();
    for client in [&mut idle, &mut half] {
        assert_eq!(client.read_to_end().await, b"");
    }
    // a pipelined request is not answered
    busy.send(REQUEST).await;
    frames.send("after").await.unwrap();
    drop(frames);
    assert_eq!(busy.read_to_end().await, b"5\r\nafter\r\n0\r\n\r\n");
    served.connect().await.ask("ok").await;
}

#[tokio::test]
async fn a_slow_client_still_receives_its_response_after_shutdown() {
    // one frame that exceeds the socket buffers of both sides
    const SIZE: usize = 64 * 1024 * 1024;
    let mut served = Served::start(PATIENT, [whole(vec![b'x'; SIZE])]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    assert_eq!(soon(client.0.read_u8()).await.unwrap(), b'H');
    served.stop().await;
    let rest = client.read_to_end().await;
    let (head, body) = rest.split_at(rest.len().saturating_sub(SIZE));
    assert!(head.ends_with(b"\r\n\r\n") && body.iter().all(|byte| *byte == b'x'));
    served.ends().await;
}

#[tokio::test]
async fn idle_connections_and_partial_heads_do_not_delay_shutdown() {
    let mut served = Served::start(PATIENT, []).await;
    let (mut fresh, mut idle, mut half) =
        (served.connect().await, served.connect().await, served.connect().await);
    idle.ask("ok").await;
    half.ask("ok").await;
    half.send(b"GET / HTTP/1.1\r\nHo").await;
    served.stop().await;
    served.ends().await;
    for client in [&mut fresh, &mut idle, &mut half] {
        assert_eq!(client.read_to_end().await, b"");
    }
}

#[tokio::test]
async fn a_response_that_exceeds_the_drain_timeout_is_cut_off() {
    let (dropped, body) = endless();
    let drain = Duration::from_millis(100);
    let mut served = Served::start(Limits { drain, ..PATIENT }, [body]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    client.read_until("x").await;
    let stopped = Instant::now();
    served.stop().await;
    served.ends().await;
    assert!(stopped.elapsed() >= drain);
    let _ = soon(dropped).await;
}
