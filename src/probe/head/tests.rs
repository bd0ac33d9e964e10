use super::*;

fn whole(bytes: &[u8]) -> (u16, Option<&[u8]>, Option<usize>, &[u8]) {
    match read_head(bytes) {
        Head::Whole { status, location, length, body } => (status, location, length, body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_head_is_read_once_it_is_complete() {
    let answer = b"HTTP/1.1 302 Found\r\nLOCATION: /a \r\nlocation: /b\r\nContent-length:7\r\nx\r\n\r\nbody";
    assert_eq!(whole(answer), (302, Some(b"/a".as_slice()), Some(7), b"body".as_slice()));
    for end in 0..answer.len() - 4 {
        assert_eq!(read_head(&answer[..end]), Head::Partial, "{end}");
    }
    assert_eq!(whole(b"HTTP/1.0 200\n\n"), (200, None, None, b"".as_slice()));
}

#[test]
fn interim_answers_are_skipped() {
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlocation: /x\r\n\r\n";
    assert_eq!(read_head(interim), Head::Partial);
    let all = [interim.as_slice(), b"HTTP/1.1 404 Not Found\r\n\r\n"].concat();
    assert_eq!(whole(&all), (404, None, None, b"".as_slice()));
    assert_eq!(whole(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").0, 101);
    let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    assert_eq!(read_head(&endless), Head::TooLong);
}

#[test]
fn a_head_has_at_most_16_kib() {
    let head = |length: usize| {
        let filler = "a".repeat(length - "HTTP/1.1 200 OK\r\nx: \r\n\r\n".len());
        format!("HTTP/1.1 200 OK\r\nx: {filler}\r\n\r\nbody").into_bytes()
    };
    assert_eq!(whole(&head(LARGEST_HEAD)).3, b"body");
    assert_eq!(read_head(&head(LARGEST_HEAD + 1)), Head::TooLong);
    assert_eq!(read_head(&head(LARGEST_HEAD + 1)[..LARGEST_HEAD]), Head::TooLong);
    assert_eq!(read_head(&head(LARGEST_HEAD)[..LARGEST_HEAD - 1]), Head::Partial);
}

#[test]
fn other_protocols_are_recognised_by_their_first_bytes() {
    for bytes in [
        b"SSH-2.0-x".as_slice(),
        b"220 smtp",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 x\r\n",
        b"HTTP/1.1 20\r\n",
        b"HTTP/1.1 099 x\r\n",
        b"HTTP/1.1 +20 x\r\n",
        b"HTTP/1.x 200\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"\x15",
        // an HTTP/2 frame that never comes first in a connection
        b"\0\0\x08\x06\0\0\0\0\0",
    ] {
        assert_eq!(read_head(bytes), Head::NotHttp, "{bytes:?}");
    }
    assert_eq!(read_head(b"\0\0\x12\x04\0\0\0\0"), Head::Partial);
    assert_eq!(read_head(b"\0\0\x12\x04\0\0\0\0\0rest"), Head::Http2);
    assert_eq!(read_head(b""), Head::Partial);
}

#[test]
fn a_redirect_stays_on_the_host_or_leaves_it() {
    for location in [
        "/",
        "/a?b:c",
        "a",
        "?x",
        "",
        "//app.example.com/",
        "https://app.example.com",
        "HTTP://APP.example.com:8443/a",
        "https://user@app.example.com./",
        "#https://x",
    ] {
        assert!(is_same_host(location.as_bytes(), "app.example.com"), "{location}");
    }
    for location in [
        "//example.com",
        "https://login.example.com/?app.example.com",
        "https://app.example.com@evil.example/",
        "https://app.example.com.evil.example",
        "https:/a",
        "mailto:app.example.com",
        "//app.example.com\\@evil.example:1",
    ] {
        let same = is_same_host(location.as_bytes(), "app.example.com");
        assert!(!same || location.contains('\\'), "{location}");
    }
}

#[test]
fn phrases_are_found_in_bodies() {
    assert_eq!(Phrase::find(b"<center>No required SSL certificate was sent</center>"), Some(Phrase::Nginx));
    let apache = b"<p>Reason: Cannot perform Post-Handshake Authentication.<br />";
    assert_eq!(Phrase::find(apache), Some(Phrase::Apache));
    assert_eq!(Phrase::find(b"Bad Request"), None);
}
