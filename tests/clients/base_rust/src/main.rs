//! A consumer of quotes that knows the last released contract only: tonic, in Rust.
//!
//! Arguments: address, symbol, number of messages. Prints `ready` when the response headers have
//! come, then one line of protobuf-JSON per message.
use std::env;

use tonic::transport::Channel;

mod cream {
    tonic::include_proto!("cream.v1");
}
use cream::{
    StreamQuotesRequest, StreamQuotesResponse,
    stream_proxy_service_client::StreamProxyServiceClient,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().collect();
    let channel = Channel::from_shared(format!("http://{}", arguments[1]))?
        .connect()
        .await?;
    let mut client = StreamProxyServiceClient::new(channel);
    let request = StreamQuotesRequest {
        symbols: vec![arguments[2].clone()],
    };
    let mut quotes = client.stream_quotes(request).await?.into_inner();
    println!("ready");
    for _ in 0..arguments[3].parse::<usize>()? {
        let response = quotes.message().await?.ok_or("the stream ended")?;
        println!("{}", json(&response).ok_or("a response without a quote")?);
    }
    Ok(())
}

/// Writes a response as protobuf-JSON.
fn json(response: &StreamQuotesResponse) -> Option<String> {
    let quote = response.quote.as_ref()?;
    let fields = [
        ("symbol", format!("{:?}", quote.symbol)),
        ("timestamp", format!("\"{}\"", quote.timestamp.as_ref()?)),
        ("bidExchange", format!("{:?}", quote.bid_exchange)),
        ("bidPrice", quote.bid_price.to_string()),
        ("bidSize", quote.bid_size.to_string()),
        ("askExchange", format!("{:?}", quote.ask_exchange)),
        ("askPrice", quote.ask_price.to_string()),
        ("askSize", quote.ask_size.to_string()),
        ("conditions", format!("{:?}", quote.conditions)),
        ("tape", format!("{:?}", quote.tape)),
    ];
    let fields = fields
        .map(|(name, value)| format!("{name:?}:{value}"))
        .join(",");
    Some(format!("{{\"quote\":{{{fields}}}}}"))
}
