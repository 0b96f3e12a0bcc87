//! The cluster adapter against a real API server.

#[path = "support/kube/mod.rs"]
mod kube;

use kube::{Profile, cluster};

#[test]
fn smoke() {
    let cluster = cluster(Profile::Today);
    let mark = cluster.mark();
    eprintln!("{}", cluster.read("/version"));
    eprintln!(
        "{:?}",
        cluster.request(
            "GET",
            "/apis/image.toolkit.fluxcd.io/v1beta2/imagepolicies",
            None
        )
    );
    eprintln!(
        "{:?}",
        cluster.request("GET", "/apis/image.toolkit.fluxcd.io/v1/imagepolicie", None)
    );
    eprintln!(
        "{:?}",
        cluster.request(
            "GET",
            "/apis/image.toolkit.fluxcd.io/v1/namespaces/x/imagepolicies/y",
            None
        )
    );
    eprintln!(
        "{:?}",
        cluster.request("GET", "/apis/image.toolkit.fluxcd.io", None)
    );
    for line in cluster.audited(mark, |_| true) {
        eprintln!("{}", line.line());
    }
    let dir = cluster.folder();
    eprintln!(
        "{:?}",
        std::fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect::<Vec<_>>()
    );
}
