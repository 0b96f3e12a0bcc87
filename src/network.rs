//! What several adapters read alike of what networks and servers say.
//!
//! For: networks of addresses, as exceptions from proxies name them, and the pause that a busy server
//! asks for.
//! Refuses: to look names up or at a clock; `core::net` holds addresses and reaches nothing.

use core::net::IpAddr;
use core::time::Duration;

use jiff::Timestamp;

/// A year: nobody waits so long, and every clock can add it.
const LONGEST_PAUSE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The pause that the value of a `Retry-After` header asks for, in seconds or up to a date; a year at
/// most. None for other texts.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let seconds = value.parse::<u64>().ok().or_else(|| {
        let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        let seconds = date.as_second() - now.as_second();
        Some(u64::try_from(seconds).unwrap_or(0))
    });
    seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// Whether an address is in the network `network/bits`. Nothing is in a network that cannot be read.
pub fn contains(network: &str, bits: &str, address: IpAddr) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_seconds_or_end_at_a_date() {
        let now: Timestamp = "2015-10-21T07:28:00Z".parse().unwrap();
        for (value, seconds) in [
            (" 2", Some(2)),
            ("Wed, 21 Oct 2015 07:28:30 GMT", Some(30)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(0)),
            ("18446744073709551615", Some(365 * 24 * 60 * 60)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    #[test]
    fn addresses_are_compared_by_their_first_bits() {
        for (network, bits, address, expected) in [
            ("10.0.0.0", "8", "10.1.2.3", true),
            ("10.0.0.0", "8", "11.1.2.3", false),
            ("192.168.1.0", "32", "192.168.1.1", false),
            ("0.0.0.0", "0", "203.0.113.1", true),
            ("fd00::", "8", "fd12::1", true),
            ("::", "0", "fd12::1", true),
            ("10.0.0.0", "8", "fd12::1", false),
            ("10.0.0.0", "33", "10.0.0.0", false),
            ("10.0.0", "8", "10.0.0.0", false),
            ("10.0.0.0", "x", "10.0.0.0", false),
        ] {
            let is_inside = contains(network, bits, address.parse().unwrap());
            assert_eq!(is_inside, expected, "{address} in {network}/{bits}");
        }
    }
}
