//! From addresses to a TCP connection.

use std::net::SocketAddr;

use actix_rt::net::TcpStream;
use metrics_core::Reason;
use tokio::time::{Instant, timeout_at};

use crate::failure::Failure;

/// The first connection that comes about, and its address. Addresses are tried in turn, each for an even share of what
/// is left of the time, so that one that swallows packets does not cost the others their turn.
pub(crate) async fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<(TcpStream, SocketAddr), Failure> {
    let mut last = Failure::new(Reason::Internal, "no address to connect to");
    for (tried, address) in addresses.iter().enumerate() {
        let left = addresses.len() - tried;
        let share = deadline.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
        let limit = if left == 1 { deadline } else { Instant::now() + share };
        match timeout_at(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A request is written in one go: waiting for more would cost a delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Ok(Err(error)) => last = Failure::connect(&error),
            Err(_) => last = Failure::new(Reason::ConnectTimeout, "no answer in time"),
        }
        last.detail = format!("{address}: {}", last.detail);
    }
    Err(last)
}
