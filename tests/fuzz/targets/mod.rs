//! The targets, a file for each room that parses.

mod durations;
mod policy;
mod setters;
mod template;

use super::Target;

/// Every target.
pub(crate) fn all() -> Vec<Target> {
    let mut targets = Vec::new();
    targets.extend(durations::targets());
    targets.extend(policy::targets());
    targets.extend(template::targets());
    targets.extend(setters::targets());
    targets
}
