//! Patterns that can match one text only.

use super::parser::Node;

/// The text of a pattern that is nothing but literals between the beginning and the end of the text.
pub(super) fn only_text(node: &Node) -> Option<String> {
    let mut walk = Walk::default();
    walk.node(node)?;
    (walk.begun && walk.ended).then_some(walk.text)
}

#[derive(Default)]
struct Walk {
    text: String,
    begun: bool,
    ended: bool,
}

impl Walk {
    /// `None` as soon as there may be a second text.
    fn node(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Empty => Some(()),
            Node::BeginText if self.text.is_empty() => {
                self.begun = true;
                Some(())
            }
            Node::EndText => {
                self.ended = true;
                Some(())
            }
            Node::Literal(code, false) if !self.ended => {
                self.text.push(char::from_u32(*code)?);
                Some(())
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node)),
            Node::Capture(node) => self.node(node),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::Pattern;

    #[test]
    fn only_an_anchored_literal_has_one_text() {
        for (pattern, text) in [
            ("^latest$", Some("latest")),
            ("^(main)$", Some("main")),
            (r"^v1\.2$", Some("v1.2")),
            (r"\Astable\z", Some("stable")),
            ("latest", None),
            ("^latest", None),
            ("^v1.2$", None),
            ("^(a|b)$", None),
            ("(?i)^latest$", None),
            ("^a+$", None),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            assert_eq!(pattern.only_text(), text, "{}", pattern.as_str());
        }
    }
}
