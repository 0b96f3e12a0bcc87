//! Faces: tables, diffs, YAML, JSON.
