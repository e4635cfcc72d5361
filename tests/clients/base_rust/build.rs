use std::{env, error::Error, fs};

use prost::Message;
use prost_types::FileDescriptorSet;

/// Compiles the last released contract, which `BASELINE` is the path of.
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=BASELINE");
    let path = env::var("BASELINE")?;
    println!("cargo:rerun-if-changed={path}");
    let files = FileDescriptorSet::decode(fs::read(path)?.as_slice())?;
    tonic_prost_build::compile_fds(files)?;
    Ok(())
}
