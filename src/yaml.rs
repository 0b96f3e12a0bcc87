//! The YAML printer: what `sigs.k8s.io/yaml` prints.
