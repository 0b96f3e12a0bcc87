//! Objects in a cluster and objects in files.
