//! The program: hands the process's arguments, environment and streams to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = kubectl_imageupdate::process_environment();
    let streams = kubectl_imageupdate::process_streams();
    kubectl_imageupdate::run(std::env::args_os(), environment, streams)
}
