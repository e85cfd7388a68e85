//! In which form a page is wanted: by `?format=`, or by what the client accepts (RFC 9110, section 12.5.1).

use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header};
use actix_web::web::Query;

/// A form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For browsers.
    Html,
    /// For terminals: what wants anything gets text.
    Text,
    /// For programs.
    Json,
}

/// What a request asks for in its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) form: Form,
    /// 503 where something is down.
    pub(super) fail: bool,
    /// Seconds after which a browser asks again; `None` for never.
    pub(super) refresh: Option<u32>,
    /// Of the list: part of a name.
    pub(super) search: String,
    /// Of the list: from 1 on.
    pub(super) page: usize,
    /// Of the badge: a window.
    pub(super) uptime: Option<String>,
    /// Of the feed: the one target it is of.
    pub(super) target: Option<String>,
}

/// What a browser does where nothing else is said.
const REFRESH: u32 = 30;
/// Of a search.
const MOST_SEARCH: usize = 200;

impl Wanted {
    /// # Errors
    /// What is wrong with the query, and what to do, in one line.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, String> {
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string());
        let pairs = pairs.map_err(|_| "the query is not one; write e.g. ?format=json")?.into_inner();
        // The first of several, as in /probe.
        let given = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let form = match given("format") {
            None => accepted(request),
            Some("html") => Form::Html,
            Some("text") => Form::Text,
            Some("json") => Form::Json,
            Some(_) => return Err("format: not known; write html, text or json".to_owned()),
        };
        let fail = match given("fail") {
            None | Some("0" | "false") => false,
            Some("1" | "true" | "") => true,
            Some(_) => return Err("fail: not known; write 1 or 0".to_owned()),
        };
        let number = |name: &str, most: u32| match given(name) {
            None => Ok(None),
            Some(text) => match text.parse().ok().filter(|number| *number <= most) {
                Some(number) => Ok(Some(number)),
                None => Err(format!("{name}: not a number from 0 to {most}")),
            },
        };
        let refresh = Some(number("refresh", 3600)?.unwrap_or(REFRESH)).filter(|seconds| *seconds > 0);
        let page = number("page", 1_000_000)?.unwrap_or(1).max(1) as usize;
        let search = given("search").unwrap_or_default().trim();
        let search = search.chars().take(MOST_SEARCH).collect();
        let [uptime, target] = ["uptime", "target"].map(|name| given(name).map(str::to_owned));
        Ok(Self { form, fail, refresh, search, page, uptime, target })
    }
}

/// What is accepted most of what there is. Who accepts nothing of it gets text.
fn accepted(request: &HttpRequest) -> Form {
    let Ok(Accept(mut items)) = Accept::parse(request) else { return Form::Text };
    items.retain(|item| item.quality > actix_web::http::header::Quality::ZERO);
    // It keeps the order of those of the same quality.
    items.sort_by_key(|item| std::cmp::Reverse(item.quality));
    let form = |mime: &str| match mime {
        "text/html" | "application/xhtml+xml" => Some(Form::Html),
        "application/json" | "application/*" => Some(Form::Json),
        "text/plain" | "text/*" | "*/*" => Some(Form::Text),
        _ => None,
    };
    items.iter().find_map(|item| form(item.item.essence_str())).unwrap_or(Form::Text)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header;
    use actix_web::test::TestRequest;

    use super::*;

    fn wanted(accept: &str, query: &str) -> Result<Wanted, String> {
        let uri = format!("/status?{query}");
        Wanted::of(&TestRequest::with_uri(&uri).insert_header((header::ACCEPT, accept)).to_http_request())
    }

    #[test]
    fn a_form_is_chosen_by_what_is_accepted() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, form) in [
            (browser, Form::Html),
            ("*/*", Form::Text),
            ("", Form::Text),
            ("application/json", Form::Json),
            ("application/json, text/plain, */*", Form::Json),
            ("text/plain;q=0.1, application/json;q=0.2", Form::Json),
            ("text/html;q=0, */*", Form::Text),
            ("TEXT/HTML", Form::Html),
            ("application/json;charset=utf-8", Form::Json),
            ("image/png", Form::Text),
            ("nonsense", Form::Text),
            ("text/html;q=x, application/json", Form::Json),
        ] {
            assert_eq!(wanted(accept, "").unwrap().form, form, "{accept}");
        }
        let none = TestRequest::with_uri("/status").to_http_request();
        assert_eq!(Wanted::of(&none).unwrap().form, Form::Text);
    }

    #[test]
    fn the_query_wins_and_what_is_wrong_in_it_is_said() {
        assert_eq!(wanted("text/html", "format=json").unwrap().form, Form::Json);
        assert!(wanted("", "fail=1").unwrap().fail && !wanted("", "fail=0").unwrap().fail);
        assert_eq!(wanted("", "").unwrap().refresh, Some(30));
        assert_eq!(wanted("", "refresh=0").unwrap().refresh, None);
        let list = wanted("", "search=%20a%26b%20&page=0").unwrap();
        assert_eq!((list.search.as_str(), list.page), ("a&b", 1));
        assert_eq!(wanted("", &format!("search={}", "%C3%A4".repeat(999))).unwrap().search.chars().count(), 200);
        for (query, part) in [
            ("format=xml", "html, text or json"),
            ("fail=maybe", "1 or 0"),
            ("refresh=-1", "0 to 3600"),
            ("refresh=3601", "0 to 3600"),
            ("page=x", "0 to 1000000"),
        ] {
            assert!(wanted("", query).unwrap_err().contains(part), "{query}");
        }
    }
}
