//! Go durations: parsing and printing as `time.ParseDuration` and `Duration.String` do.
