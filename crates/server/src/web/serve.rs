//! The web server: actix-web's app behind our own door. `actix_web::HttpServer` takes its TLS configuration once, at the start, and
//! leaves clients beyond its limit waiting; the parts that it is made of let each connection be asked.

use std::fmt;
use std::net::TcpListener;

use actix_http::body::MessageBody;
use actix_http::{HttpService, Request, Response};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;

use super::Door;
use super::stream::Stream;

/// Serves what `app` makes for each worker, to who comes in at `door` to one of `listeners`. It runs when it is polled.
///
/// # Errors
/// The system refuses a listener.
pub(crate) fn serve<F, I, S, B>(
    mut builder: ServerBuilder,
    listeners: Vec<TcpListener>,
    door: &Door,
    app: F,
) -> std::io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as actix_service::Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    // Connections between two requests end with it; they would hold up the end of the server.
    let draining = builder.graceful_shutdown_signal();
    for listener in listeners {
        let address = listener.local_addr()?;
        let (door, app, draining) = (door.clone(), app.clone(), draining.clone());
        builder = builder.listen(address.to_string(), listener, move || {
            let app = app().into_factory().map_err(|error| error.into().error_response());
            let draining = draining.clone();
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let draining = draining.clone();
                    async move { draining.notified().await }
                })
                .keep_alive(door.limits.keep_alive)
                .client_request_timeout(door.limits.header_timeout)
                // For what is left of a body that nobody reads.
                .client_disconnect_timeout(std::time::Duration::from_secs(1))
                .local_addr(address)
                .on_connect_ext(|stream: &Stream, connection| _ = connection.insert(stream.body()))
                .h1(map_config(app, |()| AppConfig::default()));
            let door = door.clone();
            fn_service(move |stream| {
                let door = door.clone();
                async move { door.enter(stream).await }
            })
            .and_then(http)
        })?;
    }
    Ok(builder.run())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::num::NonZeroUsize;
    use std::sync::Arc;
    use std::time::Duration;

    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpResponse, web};
    use metrics_core::prometheus::Registry;
    use metrics_core::{HttpMetrics, ProgramCounter};
    use tokio::sync::watch;

    use super::super::access::Access;
    use super::super::connections::Connections;
    use super::super::limits::Limits;
    use super::super::panics;
    use super::*;

    fn door() -> Door {
        let patience = Duration::from_secs(30);
        Door {
            accesses: watch::channel(Arc::new(Access::new(crate::web_config::WebConfig::default()))).1,
            connections: Connections::new(10, ProgramCounter::default()).into(),
            limits: Limits {
                max_connections: NonZeroUsize::MIN,
                header_timeout: patience,
                keep_alive: patience,
                write_timeout: patience,
                shutdown_delay: None,
            },
        }
    }

    /// What comes back until the server closes.
    fn ask(address: SocketAddr, requests: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(requests.as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    }

    /// What a handler that panics costs the client, the others, and the counters.
    #[actix_rt::test]
    async fn s13_a_handler_that_panics_is_answered_500_and_the_worker_lives() {
        let (registry, counted) = (Registry::new(), ProgramCounter::default());
        let http = HttpMetrics::register(&registry).unwrap();
        let panics = counted.clone();
        let app = move || {
            let panics = panics.clone();
            App::new()
                .route("/panics", web::get().to(|| async { panic!("on purpose") as HttpResponse }))
                .route("/lives", web::get().to(|| async { "lives" }))
                .wrap(from_fn(move |request, next| panics::caught(request, next, panics.clone())))
                .wrap(http.clone())
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let builder = ServerBuilder::default().workers(1).disable_signals();
        let server = serve(builder, vec![listener], &door(), app).unwrap();
        let handle = server.handle();
        actix_rt::spawn(server);
        let requests =
            "GET /panics HTTP/1.1\r\nHost: a\r\n\r\nGET /lives HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let answers = actix_rt::task::spawn_blocking(move || ask(address, requests)).await.unwrap();
        assert!(answers.starts_with("HTTP/1.1 500 ") && answers.contains("please report"), "{answers}");
        assert!(answers.contains("HTTP/1.1 200 OK") && answers.ends_with("lives"), "{answers}");
        assert_eq!(counted.get(), 1);
        let families = registry.gather();
        let responses = families.iter().find(|family| family.name() == "http_responses_total").unwrap();
        let code = |metric: &metrics_core::prometheus::proto::Metric| {
            metric.get_label().iter().find(|label| label.name() == "code").unwrap().value().to_owned()
        };
        let mut codes: Vec<_> = responses.get_metric().iter().map(code).collect();
        codes.sort();
        assert_eq!(codes, ["200", "500"]);
        handle.stop(true).await;
    }
}
