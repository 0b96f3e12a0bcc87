//! Markers in YAML, and byte-exact edits.
