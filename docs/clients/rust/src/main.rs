use std::{env, time::Duration};

use tonic::{Code, Status, transport::Channel};

mod cream {
    tonic::include_proto!("cream.v1");
}
use cream::{StreamQuotesRequest, stream_proxy_service_client::StreamProxyServiceClient};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::var("STREAM_PROXY_ADDRESS").unwrap_or("localhost:50052".into());
    let channel = Channel::from_shared(format!("http://{address}"))?.connect_lazy();
    let mut client = StreamProxyServiceClient::new(channel);
    loop {
        // The proxy restarts or is away: come back. Anything else is our mistake.
        match follow(&mut client).await {
            Err(status) if !may_retry(&status) => return Err(status.into()),
            _ => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// A connection that breaks in the middle of a stream is `Unknown` to tonic.
fn may_retry(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown)
}

async fn follow(client: &mut StreamProxyServiceClient<Channel>) -> Result<(), Status> {
    let mut request = StreamQuotesRequest::default();
    request.symbols = vec!["AAPL".into(), "MSFT".into()];
    let mut stream = client.stream_quotes(request).await?.into_inner();
    while let Some(response) = stream.message().await? {
        if let Some(quote) = response.quote {
            println!("{} {} x {}", quote.symbol, quote.bid_price, quote.ask_price);
        }
    }
    Ok(())
}
