use std::{env, time::Duration};

use tokio::time::{Instant, sleep};
use tonic::{
    Code, Request, Status,
    metadata::AsciiMetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Identity},
};

mod cream {
    tonic::include_proto!("cream.v1");
}
use cream::{
    StreamOptions, StreamQuotesRequest, notice::Kind,
    stream_proxy_service_client::StreamProxyServiceClient,
};

const FIRST_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut address = env::var("STREAM_PROXY_ADDRESS").unwrap_or("localhost:50052".into());
    if !address.contains("://") {
        address = format!("http://{address}");
    }
    let is_secure = address.starts_with("https://");
    // Detects a dead connection within 30 s.
    let mut endpoint = Channel::from_shared(address)?
        .connect_timeout(Duration::from_secs(10))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        // A small receive window: a client that reads slowly is not minutes behind.
        .initial_stream_window_size(16 * 1024);
    if is_secure {
        endpoint = endpoint.tls_config(tls_config())?;
    }
    let token = variable("STREAM_PROXY_TOKEN");
    if token.is_some() && !is_secure {
        return Err("STREAM_PROXY_TOKEN needs an https:// address".into());
    }
    let authorization = token
        .map(|token| format!("Bearer {token}").parse())
        .transpose()?;
    let mut client = StreamProxyServiceClient::new(endpoint.connect_lazy());
    let mut delay = FIRST_DELAY;
    loop {
        let started = Instant::now();
        match follow(&mut client, &authorization).await {
            Err(status) if is_permanent(&status) => return Err(status.into()),
            Err(status) => eprintln!("{status}"),
            Ok(()) => eprintln!("the stream ended"),
        }
        // A stream that lasted a second resets the delay; others double it.
        delay = match started.elapsed().as_secs() {
            0 => MAX_DELAY.min(2 * delay),
            _ => FIRST_DELAY,
        };
        sleep(delay.mul_f32(0.5 + fastrand::f32() / 2.0)).await;
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

/// PEM text of a variable, in which "\n" may stand for line breaks.
fn pem(name: &str) -> Option<String> {
    variable(name).map(|text| text.replace("\\n", "\n"))
}

fn tls_config() -> ClientTlsConfig {
    let config = match pem("STREAM_PROXY_CLIENT_CA") {
        Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    let cert = pem("STREAM_PROXY_CLIENT_CERT");
    match cert.zip(pem("STREAM_PROXY_CLIENT_KEY")) {
        Some((cert, key)) => config.identity(Identity::from_pem(cert, key)),
        None => config,
    }
}

/// Errors in our own request. Every other end of a stream is retried.
fn is_permanent(status: &Status) -> bool {
    use Code::*;
    matches!(
        status.code(),
        InvalidArgument
            | Unauthenticated
            | PermissionDenied
            | Unimplemented
            | NotFound
            | FailedPrecondition
    )
}

async fn follow(
    client: &mut StreamProxyServiceClient<Channel>,
    authorization: &Option<AsciiMetadataValue>,
) -> Result<(), Status> {
    let mut request = StreamQuotesRequest::default();
    request.symbols = vec!["AAPL".into(), "MSFT".into()];
    request.options = Some(StreamOptions {
        meta: true,
        notices: true,
        ..Default::default()
    });
    let mut request = Request::new(request);
    if let Some(value) = authorization {
        request
            .metadata_mut()
            .insert("authorization", value.clone());
    }
    let mut stream = client.stream_quotes(request).await?.into_inner();
    while let Some(response) = stream.message().await? {
        if let Some(Kind::Gap(gap)) = response.notice.and_then(|notice| notice.kind) {
            let (count, reason, symbols) = (gap.count, gap.reason(), gap.symbols);
            eprintln!("{count} messages are missing: {reason:?} {symbols:?}");
        }
        if let Some(quote) = response.quote {
            println!("{} {} x {}", quote.symbol, quote.bid_price, quote.ask_price);
        }
    }
    Ok(())
}
