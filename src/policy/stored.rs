//! The list of tags as the controller stores it.

use super::Exclusion;

/// Modulus of Adler-32.
const ADLER: u32 = 65_521;

/// Tags without the excluded ones, in descending byte order; duplicates stay.
pub fn stored_tags(listed: &[String], exclusion: &Exclusion) -> Vec<String> {
    let mut stored: Vec<String> = listed
        .iter()
        .filter(|tag| exclusion.excludes(tag).is_none())
        .cloned()
        .collect();
    stored.sort_by(|left, right| right.cmp(left));
    stored
}

/// The checksum of a stored list: decimal Adler-32 of its JSON, as Go writes it.
pub fn revision(stored: &[String]) -> String {
    let mut sum = Adler::default();
    sum.add(b"[");
    for (index, tag) in stored.iter().enumerate() {
        if index > 0 {
            sum.add(b",");
        }
        sum.add(b"\"");
        for character in tag.chars() {
            sum.add_character(character);
        }
        sum.add(b"\"");
    }
    sum.add(b"]");
    (sum.high << 16 | sum.low).to_string()
}

struct Adler {
    low: u32,
    high: u32,
}

impl Default for Adler {
    fn default() -> Self {
        Self { low: 1, high: 0 }
    }
}

impl Adler {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.low = (self.low + u32::from(*byte)) % ADLER;
            self.high = (self.high + self.low) % ADLER;
        }
    }

    /// A character inside a JSON string, escaped as Go escapes it.
    fn add_character(&mut self, character: char) {
        let mut buffer = [0_u8; 4];
        match character {
            '"' => self.add(b"\\\""),
            '\\' => self.add(b"\\\\"),
            '\u{8}' => self.add(b"\\b"),
            '\u{c}' => self.add(b"\\f"),
            '\n' => self.add(b"\\n"),
            '\r' => self.add(b"\\r"),
            '\t' => self.add(b"\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                self.add(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            character => self.add(character.encode_utf8(&mut buffer).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_controllers() {
        let sum =
            |tags: &[&str]| revision(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(sum(&[]), "18153657");
        assert_eq!(sum(&["v0.0.2", "v0.0.1", "latest"]), "1593509681");
        assert_eq!(sum(&["d", "c", "b", "a"]), "580584407");
    }
}
