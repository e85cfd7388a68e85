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
