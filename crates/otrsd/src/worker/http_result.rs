//! The result of an HTTP call: pure decisions.

use std::time::Duration;

use hyper::{HeaderMap, StatusCode, header::RETRY_AFTER};
use jiff::{Timestamp, fmt::rfc2822};

use super::outcome::Ending;
use crate::{
    config::{http::Call, secrets::MASK},
    process::output::Tail,
};

/// Secrets of at most this many bytes are not redacted: the same text may occur by chance.
const SHORT: usize = 5;

/// The ending that a status code means.
pub(super) fn ending(status: StatusCode, why: String, pause: Duration) -> Ending {
    let is_temporary = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    match status {
        status if status.is_success() => Ending::Success,
        _ if is_temporary => Ending::Temporary(why, pause),
        _ => Ending::Failed(why),
    }
}

/// The result in messages.
pub(super) fn explained(call: &Call, status: StatusCode, beginning: &Tail) -> String {
    let note = if status.is_redirection() { " (redirects are not followed)" } else { "" };
    let said = beginning.first_line().map(|line| format!(": {line}")).unwrap_or_default();
    without_secrets(format!("{}: {status}{note}{said}", call.place()), &call.headers)
}

/// An answer may repeat the headers of its request.
pub(super) fn without_secrets(text: String, headers: &HeaderMap) -> String {
    let secrets = headers.values().filter_map(|value| value.to_str().ok());
    secrets
        .filter(|secret| secret.len() > SHORT)
        .fold(text, |text, secret| text.replace(secret, MASK))
}

/// How long the server wants the client to wait: seconds, or until a time.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Duration {
    let text = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(seconds) = Some(text.trim()).filter(|it| !it.is_empty() && is_number(it)) {
        return Duration::from_secs(seconds.parse().unwrap_or(u64::MAX));
    }
    let at = rfc2822::parse(text.trim()).map(|at| at.timestamp());
    at.ok().and_then(|at| Duration::try_from(at.duration_since(now)).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hyper::header::{CONTENT_TYPE, USER_AGENT};

    use super::*;

    #[test]
    fn what_an_answer_means() {
        for (status, expected) in [
            (200, "Success"),
            (204, "Success"),
            (302, "Failed"),
            (400, "Failed"),
            (404, "Failed"),
            (408, "Temporary"),
            (429, "Temporary"),
            (500, "Temporary"),
            (503, "Temporary"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let ending = format!("{:?}", ending(status, String::new(), Duration::ZERO));
            assert!(ending.starts_with(expected), "{status}: {ending}");
        }
    }

    #[test]
    fn how_long_to_wait() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", 120),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 37),
            ("Sun, 06 Nov 1994 08:48:37 GMT", 0),
            ("99999999999999999999999", u64::MAX),
            ("-5", 0),
            ("soon", 0),
            ("", 0),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), Duration::ZERO);
    }

    #[test]
    fn an_echo_tells_no_secret() {
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, "a/b".parse().unwrap()),
            (USER_AGENT, "Bearer hunter2".parse().unwrap()),
        ]);
        let text = without_secrets("a/b: Bearer hunter2".to_owned(), &headers);
        assert_eq!(text, format!("a/b: {MASK}"));
    }
}
