//! Networks of addresses, as exceptions from proxies name them.
//!
//! For: comparing addresses that are at hand.
//! Refuses: to look names up; `core::net` holds addresses and reaches nothing.

use core::net::IpAddr;

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
