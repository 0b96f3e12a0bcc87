//! The registry client against real and misbehaving registries.

mod support;

use support::registry_server::RegistryContent;

#[test]
fn the_test_registry_makes_the_digests_that_were_recorded() {
    let content = RegistryContent::of(&[("stefanprodan/podinfo", &["4.0.0", "latest"])]);
    assert_eq!(
        content.digest("stefanprodan/podinfo", "4.0.0").unwrap(),
        "sha256:76e10e166f2097100421ae34ddf4ce6854e6bf431733406339bcebadb3b15f47"
    );
}
