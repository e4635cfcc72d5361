use std::{env, error::Error, path::Path};

/// Compiles the contract; `STREAM_PROXY_PROTO` says where it is, if elsewhere.
fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::var("STREAM_PROXY_PROTO").unwrap_or("../../../proto".into());
    let contract = Path::new(&folder).join("cream/v1/stream_proxy.proto");
    let files = protox::compile([contract], [&folder])?;
    tonic_prost_build::compile_fds(files)?;
    Ok(())
}
