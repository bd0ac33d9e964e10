//! Servers that repeat the private key in any form. No part of the key may be printed.

use std::fmt::Write as _;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{PAIR, Stage, ZERO};

/// Starts a server that sends `answer` to a POST, and empty lists to other requests.
async fn server(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut request = [0; 1 << 14];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let answer = match &request[..length] {
                    [b'P', ..] => answer.to_string(),
                    _ => whole(
                        "200 OK",
                        "",
                        r#"{"success":true,"result":[],"result_info":{"page":1,"total_pages":1}}"#,
                    ),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                while stream.read(&mut request).await.is_ok_and(|length| length > 0) {}
            });
        }
    });
    format!("http://{address}/client/v4")
}

fn whole(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// Returns bodies with the key in place of a message, a name or the whole body.
fn bodies(key: &str) -> Vec<String> {
    vec![
        format!(r#"{{"success":false,"errors":[{{"code":1400,"message":"{key}"}}]}}"#),
        format!(r#"{{"success":false,"errors":[{{"code":"{key}","message":"no"}}]}}"#),
        format!(r#"{{"success":false,"errors":"{key}"}}"#),
        format!(r#"{{"success":"{key}","result":{{}}}}"#),
        format!(r#"{{"success":true,"result":"{key}"}}"#),
        format!(r#"{{"success":true,"result":{{"{key}"#),
        format!(r#"{{"{key}":"{key}"}}"#),
        format!("<html>{key}</html>"),
        key.to_owned(),
    ]
}

/// Returns bodies with the key in the fields of a certificate.
fn fields(key: &str) -> Vec<String> {
    let start = &key[..key.len().min(36)];
    let mut bodies = vec![format!(r#"{{"success":true,"result":{{"id":"{start}"}}}}"#)];
    let fields =
        ["id", "status", "issuer", "signature", "serial_number", "expires_on", "uploaded_on", "certificate"];
    bodies.extend(
        fields.map(|field| format!(r#"{{"success":true,"result":{{"id":"c1","{field}":"{key}"}}}}"#)),
    );
    bodies
}

#[tokio::test]
async fn no_part_of_the_key_is_printed_however_a_server_encodes_it() {
    let stage = Arc::new(Stage::new(ZERO).await);
    let joined: String = stage.key.lines().filter(|line| !line.starts_with('-')).collect();
    let escaped = joined.chars().fold(String::new(), |mut text, char| {
        let _ = write!(text, "\\u{:04x}", u32::from(char));
        text
    });
    let broken: Vec<_> = joined.as_bytes().chunks(8).map(|chunk| str::from_utf8(chunk).unwrap()).collect();
    let spellings = [
        stage.key.replace('\n', "\\n"),
        joined.replace('/', "\\/"),
        escaped,
        broken.join("\\n"),
        broken.join("\\u0000"),
        joined[13..60].to_owned(),
    ];
    let bodies = spellings.iter().flat_map(|key| bodies(key)).map(|body| whole("400 Bad Request", "", &body));
    let mut answers: Vec<String> = bodies.collect();
    let spelt = [&joined, &spellings[1], &spellings[2]];
    answers.extend(spelt.iter().flat_map(|key| fields(key)).map(|body| whole("200 OK", "", &body)));
    for (header, status) in [
        ("cf-ray", "503 Service Unavailable"),
        ("location", "302 Found"),
        ("retry-after", "429 Too Many Requests"),
        ("content-type", "403 Forbidden"),
        ("content-encoding", "200 OK"),
        ("content-length", "200 OK"),
        ("transfer-encoding", "200 OK"),
        ("ratelimit", "200 OK"),
    ] {
        answers.push(format!("HTTP/1.1 {status}\r\n{header}: {joined}\r\n\r\n{joined}"));
    }
    answers.extend([
        format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/{joined}\r\ncontent-length: 0\r\n\r\n"),
        whole(&format!("400 {joined}"), "", ""),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{joined}\r\n{joined}"),
        format!("HTTP/1.1 {joined}\r\n\r\n"),
        format!("{joined}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{joined}: {joined}\r\n\r\n"),
    ]);
    let mut commands = tokio::task::JoinSet::new();
    for answer in answers {
        let stage = Arc::clone(&stage);
        commands.spawn(async move {
            let base_url = server(answer).await;
            let arguments = format!(
                "upload {PAIR} --yes --log-level trace --timeout 2s --base-url {base_url} --zone {}",
                "f".repeat(32)
            );
            // this checks all output for secrets
            let ran = stage.run_plainly(&arguments).await;
            assert!(matches!(ran.code, Some(0 | 1)), "{:?}: {}", ran.code, ran.err);
        });
        if commands.len() >= 8 {
            commands.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(ended) = commands.join_next().await {
        ended.unwrap();
    }
}
