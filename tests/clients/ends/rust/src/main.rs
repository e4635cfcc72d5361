//! Opens streams and prints the status code that each ends with.
use std::env;

use http::uri::PathAndQuery;
use tonic::{Request, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().collect();
    let channel = Channel::from_shared(format!("http://{}", arguments[1]))?.connect().await?;
    let mut ends = Vec::new();
    for _ in 0..arguments[2].parse::<usize>()? {
        let mut client = Grpc::new(channel.clone());
        client.ready().await?;
        let path = PathAndQuery::from_static("/cream.v1.StreamProxyService/StreamQuotes");
        let codec = ProstCodec::<(), ()>::default();
        let response = client.server_streaming(Request::new(()), path, codec).await?;
        let mut messages = response.into_inner();
        ends.push(tokio::spawn(async move {
            loop {
                match messages.message().await {
                    Ok(Some(())) => {}
                    Ok(None) => return println!("Ok"),
                    Err(status) => return println!("{:?} {}", status.code(), status.message()),
                }
            }
        }));
    }
    println!("open");
    for end in ends {
        end.await?;
    }
    Ok(())
}
