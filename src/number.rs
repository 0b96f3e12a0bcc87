//! Go numbers: `strconv.ParseFloat` and friends.
