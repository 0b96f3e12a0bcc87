//! Versions and constraints as Masterminds/semver v3.5.0 reads them.
