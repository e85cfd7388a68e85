//! What is kept of a response so that people can see why a run failed: its headers and the beginning of its body, without
//! anything that is secret.

use awc::http::header::{self, HeaderMap, HeaderName};

use crate::request::Request;

/// Bytes of a body that are kept until it is known whether the run has failed.
pub const SAMPLE: usize = 4096;
/// Of the names and values of all headers of a response.
const MOST_HEADERS: usize = 2048;
/// What stands in place of a secret.
const REDACTED: &str = "[redacted]";

/// Parts of names of headers whose values are for one client alone: Set-Cookie, Authorization, X-Api-Key.
const PRIVATE: [&str; 7] = ["token", "secret", "key", "auth", "session", "password", "cookie"];
/// That a site wants authentication, and of which kind, is no secret.
const CHALLENGES: [HeaderName; 2] = [header::WWW_AUTHENTICATE, header::PROXY_AUTHENTICATE];
/// Headers that hold a URL, in whose query there may be keys.
const URLS: [HeaderName; 4] =
    [header::LOCATION, header::CONTENT_LOCATION, header::REFERER, HeaderName::from_static("refresh")];

/// The headers of a response, by name, as far as they are for all to see.
pub(crate) fn headers(headers: &HeaderMap, request: &Request) -> Vec<(String, String)> {
    let mut room = MOST_HEADERS;
    let shown = headers.iter().map(|(name, value)| {
        let value = if is_private(name) {
            REDACTED.to_owned()
        } else {
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = if URLS.contains(name) { without_query(&value) } else { &value };
            redacted(value, request, false)
        };
        (name.as_str().to_owned(), value)
    });
    let within = shown.take_while(|(name, value)| {
        let fits = room.checked_sub(name.len() + value.len());
        room = fits.unwrap_or_default();
        fits.is_some()
    });
    within.collect()
}

/// The beginning of a body as text. What was sent with the request may stand in the answer.
pub(crate) fn body(sample: &[u8], request: &Request) -> String {
    redacted(&String::from_utf8_lossy(sample), request, sample.len() >= SAMPLE)
}

fn is_private(name: &HeaderName) -> bool {
    PRIVATE.iter().any(|part| name.as_str().contains(part)) && !CHALLENGES.contains(name)
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Without the secrets of the request, also where the end of the text cuts one off.
fn redacted(text: &str, request: &Request, is_cut: bool) -> String {
    let mut text = text.to_owned();
    for secret in request.secrets() {
        text = text.replace(secret, REDACTED);
        let Some(cut) = is_cut.then(|| cut_off(&text, secret)).flatten() else { continue };
        text.truncate(cut);
        text.push_str(REDACTED);
    }
    text
}

/// Where the beginning of a secret begins that the end of the text cuts off.
fn cut_off(text: &str, secret: &str) -> Option<usize> {
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    let ends = secret.char_indices().rev().map(|(end, _)| end).filter(|end| *end > 0);
    // From its longest beginning on.
    ends.map(|end| &secret[..end])
        .find(|beginning| text.ends_with(beginning))
        .map(|beginning| text.len() - beginning.len())
}

#[cfg(test)]
mod tests {
    use awc::http::header::HeaderValue;
    use url::Url;

    use super::*;
    use crate::module::{Authorization, BasicAuth, Module, Secret};

    fn request() -> Request {
        let secret = |text: &str| Secret::Value(text.to_owned());
        let module = Module {
            headers: vec![(HeaderName::from_static("x-env"), secret("Token canary-header"))],
            basic_auth: Some(BasicAuth { username: secret("canary-user"), password: secret("canary-password") }),
            authorization: Some(Authorization { scheme: "Bearer".to_owned(), credentials: secret("canary-token") }),
            body: Some(secret(r#"{"password": "canary-body"}"#)),
            ..Module::default()
        };
        Request::new(&module, Url::parse("https://a.test/x?key=canary-query&short=ab").unwrap()).unwrap()
    }

    #[test]
    fn what_was_sent_is_not_shown_where_it_comes_back() {
        let request = request();
        let echo = "canary-header canary-user canary-password canary-token canary-body canary-query \
                    Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk key=canary-query \
                    \"{\\\"password\\\": \\\"canary-body\\\"}\" ab";
        let shown = body(echo.as_bytes(), &request);
        assert!(!shown.contains("canary") && !shown.contains("Y2Fu"), "{shown}");
        assert!(shown.ends_with(" ab"), "what is short is no secret: {shown}");
    }

    #[test]
    fn a_secret_that_the_end_cuts_off_is_not_shown_either() {
        let request = request();
        for cut in 1..="canary-token".len() {
            let mut echo = "x".repeat(SAMPLE - cut);
            echo.push_str(&"canary-token"[..cut]);
            let shown = body(echo.as_bytes(), &request);
            assert!(shown.trim_start_matches('x') == REDACTED, "{cut}: {}", shown.trim_start_matches('x'));
        }
        assert_eq!(body(b"cana", &request), "cana", "nothing is cut off of a short one");
    }

    #[test]
    fn headers_for_one_client_alone_are_named_and_not_shown() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("set-cookie", "id=canary"),
            ("x-api-key", "canary"),
            ("x-auth-token", "canary"),
            ("location", "https://b.test/y?token=canary"),
            ("x-echo", "Bearer canary-token"),
            ("www-authenticate", "Basic realm=\"x\""),
            ("server", "nginx"),
        ] {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map.append(header::SERVER, HeaderValue::from_bytes(&[0xff, b'x']).unwrap());
        let shown = headers(&map, &request());
        let text = format!("{shown:?}");
        assert!(!text.contains("canary"), "{text}");
        for part in ["nginx", "realm", "https://b.test/y\"", "\"x-api-key\", \"[redacted]\"", "\u{fffd}x"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn many_headers_are_few() {
        let mut map = HeaderMap::new();
        for n in 0..1000 {
            map.append(HeaderName::try_from(format!("x-{n}")).unwrap(), HeaderValue::from_static("0123456789"));
        }
        let shown = headers(&map, &request());
        assert!(shown.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= MOST_HEADERS);
    }
}
