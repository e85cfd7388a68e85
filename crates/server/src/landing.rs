//! `/`: what this is, which pages it has, and how its targets are. Links are relative, so that they hold behind any proxy.

use std::fmt::Write;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpResponse, Resource};
use probe::{Engine, Watched};

use crate::blackbox::Demands;
use crate::status::POLICY;
use crate::version::{REVISION, VERSION};

/// Targets that are listed; the others are counted.
const LISTED: usize = 100;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
    table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;overflow-wrap:anywhere}\
    input{font:inherit}";

pub(crate) fn route(engine: Arc<Engine>, demands: Demands) -> Resource {
    metrics_core::get_only("/", move || {
        let response = HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(page(&engine.targets(), &demands));
        std::future::ready(response)
    })
}

fn page(targets: &[Arc<Watched>], demands: &Demands) -> String {
    let demands = demands.borrow().clone();
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>actix-exporter</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>actix-exporter</h1>\n\
         <p>Counts its own requests, and asks what its users depend on.<br>\n\
         Version {VERSION}, revision {REVISION}</p>\n<ul>\n"
    );
    let mut links = vec![
        ("metrics", "for Prometheus"),
        ("3-shake-status", "whether the first target is up, since when, and why not"),
        ("status", "the same of all targets"),
        ("config", "what is asked, without secrets"),
        ("-/healthy", "whether the server lives"),
        ("-/ready", "whether to send requests here"),
    ];
    if demands.is_open() {
        links.push(("sd", "the targets, for Prometheus' service discovery"));
    }
    // Writing to a String cannot fail.
    for (path, what) in links {
        let _ = writeln!(page, "<li><a href=\"{path}\">{path}</a>: {what}</li>");
    }
    page.push_str("</ul>\n");
    list(&mut page, targets);
    if demands.is_open() {
        form(&mut page, &demands.allow().to_string());
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn list(page: &mut String, targets: &[Arc<Watched>]) {
    page.push_str("<h2>Targets</h2>\n");
    if targets.is_empty() {
        page.push_str("<p>None: nobody is asked.</p>\n");
        return;
    }
    page.push_str("<table>\n<tr><th>target</th><th>state</th><th>last run</th></tr>\n");
    for target in targets.iter().take(LISTED) {
        let last = target.last();
        let last =
            last.as_deref().map_or_else(String::new, |report| match (report.outcome.reason, report.outcome.status) {
                (Some(reason), _) => reason.to_string(),
                (None, Some(status)) => status.to_string(),
                (None, None) => String::new(),
            });
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{last}</td></tr>",
            escaped(target.name()),
            target.state().as_str()
        );
    }
    page.push_str("</table>\n");
    if let more @ 1.. = targets.len().saturating_sub(LISTED) {
        let _ = writeln!(page, "<p>… and {more} more.</p>");
    }
}

fn form(page: &mut String, allow: &str) {
    let _ = writeln!(
        page,
        "<h2>Probe</h2>\n<form action=\"probe\">\n\
         <p><label>Target <input name=\"target\" placeholder=\"https://…\" required></label>\n\
         <label>Module <input name=\"module\" value=\"{}\"></label>\n\
         <label><input type=\"checkbox\" name=\"debug\" value=\"true\" checked> debug</label>\n\
         <button>Probe</button></p>\n<p>May be asked: {}</p>\n</form>",
        escaped(probe::DEFAULT_MODULE),
        escaped(allow)
    );
}

/// Names of targets may hold anything.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_in_a_name_is_markup() {
        assert_eq!(super::escaped("<b a=\"'&"), "&lt;b a=&quot;&#39;&amp;");
    }
}
