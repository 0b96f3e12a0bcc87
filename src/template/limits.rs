//! What one rendering may use, so that no template hangs or fills the memory.

use std::cell::Cell;
use std::rc::Rc;

/// The limits of one rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps: nodes evaluated, and work of functions in proportion to what they read and write.
    pub steps: u64,
    /// Bytes of output.
    pub output: usize,
    /// Bytes that functions may make altogether, and the longest string that one may make.
    pub text: usize,
    /// Elements of lists and maps that may be alive at a time.
    pub elements: usize,
    /// Templates that may be running inside each other; Go's own limit.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 50_000_000,
            output: 64 << 20,
            text: 512 << 20,
            elements: 4_000_000,
            depth: 100_000,
        }
    }
}

/// What is left of the limits.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    text: Cell<usize>,
    elements: Rc<Cell<usize>>,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            steps: Cell::new(limits.steps),
            text: Cell::new(limits.text),
            elements: Rc::new(Cell::new(limits.elements)),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes steps.
    pub(super) fn spend(&self, steps: usize) -> Result<(), String> {
        let left = self.steps.get().checked_sub(steps as u64);
        self.steps.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            format!(
                "the template takes more than {} steps; it may not run on",
                self.limits.steps
            )
        })
    }

    /// Takes room for a string of that many bytes, before it is made.
    pub(super) fn text(&self, bytes: usize) -> Result<(), String> {
        self.spend(bytes / 64)?;
        let left = self.text.get().checked_sub(bytes);
        self.text.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            format!(
                "the template makes more than {} bytes of text",
                self.limits.text
            )
        })
    }

    /// Bytes of text that may still be made.
    pub(super) fn text_left(&self) -> usize {
        self.text.get()
    }

    /// Takes room for elements of a list or a map, until the charge is dropped.
    pub(super) fn elements(&self, count: usize) -> Result<Charge, String> {
        self.spend(count / 16)?;
        let Some(left) = self.elements.get().checked_sub(count) else {
            return Err(format!(
                "the template keeps lists of more than {} elements",
                self.limits.elements
            ));
        };
        self.elements.set(left);
        Ok(Charge {
            left: Rc::clone(&self.elements),
            count,
        })
    }
}

/// Room that a list or a map takes up, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    left: Rc<Cell<usize>>,
    count: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.left.set(self.left.get() + self.count);
    }
}
