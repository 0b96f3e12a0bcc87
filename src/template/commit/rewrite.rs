//! Templates with `.Updated`, rewritten to what the controllers have in its place.
//!
//! `.Changed` holds changes where `.Updated` held images, so it is not the field alone: what goes
//! through a range has to be followed down to the place where an image is printed.

use super::super::syntax::{Branch, Command, Node, NodeKind, Pipe, Statement, Tree};

/// What a value of the old data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Root,
    Updated,
    Images,
    Image,
    ByObject,
    Files,
    FileResult,
    Other,
}

impl Shape {
    /// What a range goes through.
    const fn element(self) -> Self {
        match self {
            Self::Images => Self::Image,
            Self::ByObject => Self::Images,
            Self::Files => Self::FileResult,
            _ => Self::Other,
        }
    }

    /// What a field of it is, and how it is called now.
    fn field(self, name: &str) -> (Self, String) {
        let (shape, now) = match (self, name) {
            (Self::Root, "Updated") => (Self::Updated, ".Changed"),
            (Self::Updated, "Images") => (Self::Images, ".Changes"),
            (Self::Updated, "Objects") => (Self::ByObject, ".Objects"),
            (Self::Updated, "Files") => (Self::Files, ".FileChanges"),
            (Self::FileResult, "Objects") => (Self::ByObject, ""),
            (Self::Image, "String") => (Self::Other, ".NewValue"),
            _ => return (Self::Other, format!(".{name}")),
        };
        (shape, now.to_owned())
    }
}

/// The template with what the controllers have now, as far as its text tells.
pub(super) fn rewritten(text: &str, name: &str, tree: &Tree) -> String {
    let mut walk = Walk {
        text,
        tree,
        dot: Shape::Root,
        variables: vec![("$".to_owned(), Shape::Root)],
        replacements: Vec::new(),
        entered: vec![name.to_owned()],
    };
    if let Some(body) = tree.templates.get(name) {
        walk.statements(body);
    }
    let mut replacements = walk.replacements;
    replacements.sort_unstable();
    // A definition may be used with several kinds of data, and is rewritten for the first.
    replacements.dedup_by_key(|(start, ..)| *start);
    let mut rewritten = text.to_owned();
    for (start, length, new) in replacements.into_iter().rev() {
        rewritten.replace_range(start..start + length, &new);
    }
    rewritten
}

struct Walk<'t> {
    text: &'t str,
    tree: &'t Tree,
    dot: Shape,
    variables: Vec<(String, Shape)>,
    /// First byte, length, and what takes their place.
    replacements: Vec<(usize, usize, String)>,
    /// Definitions that were gone through: each once, since they may use themselves.
    entered: Vec<String>,
}

impl Walk<'_> {
    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Action(pipe) => {
                    let keeps = !pipe.variables.is_empty();
                    let shape = self.pipe(pipe, keeps);
                    self.declare(pipe, &[shape]);
                }
                Statement::If(branch) => self.branch(branch, |walk, shape| {
                    walk.declare(&branch.pipe, &[shape]);
                }),
                Statement::With(branch) => self.branch(branch, |walk, shape| {
                    walk.declare(&branch.pipe, &[shape]);
                    walk.dot = shape;
                }),
                Statement::Range(branch) => self.branch(branch, |walk, shape| {
                    let element = shape.element();
                    let shapes = [Shape::Other, element];
                    let count = branch.pipe.variables.len().min(2);
                    walk.declare(&branch.pipe, &shapes[2 - count..]);
                    walk.dot = element;
                }),
                Statement::Template(template) => {
                    let pipe = template.pipe.as_ref();
                    let dot = pipe.map_or(Shape::Other, |pipe| self.pipe(pipe, true));
                    self.enter(&template.name, dot);
                }
                Statement::Text(_) | Statement::Break | Statement::Continue => {}
            }
        }
    }

    fn branch(&mut self, branch: &Branch, inside: impl FnOnce(&mut Self, Shape)) {
        let (dot, known) = (self.dot, self.variables.len());
        let shape = self.pipe(&branch.pipe, true);
        inside(self, shape);
        self.statements(&branch.body);
        self.dot = dot;
        self.statements(&branch.otherwise);
        self.variables.truncate(known);
    }

    /// Goes through a definition, whose variables are its own.
    fn enter(&mut self, name: &str, dot: Shape) {
        let Some(body) = self.tree.templates.get(name) else {
            return;
        };
        if self.entered.iter().any(|entered| entered == name) {
            return;
        }
        self.entered.push(name.to_owned());
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), dot)]);
        let outer_dot = std::mem::replace(&mut self.dot, dot);
        self.statements(body);
        self.variables = outer;
        self.dot = outer_dot;
    }

    fn declare(&mut self, pipe: &Pipe, shapes: &[Shape]) {
        for (name, shape) in pipe.variables.iter().zip(shapes) {
            let known = self.variables.iter_mut().rev();
            match known.into_iter().find(|(known, _)| known == name) {
                Some((_, known)) if pipe.assigns => *known = *shape,
                _ => self.variables.push((name.clone(), *shape)),
            }
        }
    }

    /// `keeps` says that the value goes on as it is, into a variable or the dot.
    fn pipe(&mut self, pipe: &Pipe, keeps: bool) -> Shape {
        if let [Command { operands, .. }] = pipe.commands.as_slice()
            && let [operand] = operands.as_slice()
        {
            return self.operand(operand, keeps);
        }
        for operand in pipe.commands.iter().flat_map(|command| &command.operands) {
            self.operand(operand, false);
        }
        Shape::Other
    }

    fn operand(&mut self, node: &Node, keeps: bool) -> Shape {
        match &node.kind {
            NodeKind::Dot => self.value(node.at, ".", "", self.dot, &[], keeps),
            NodeKind::Field(fields) => {
                // Where there are several, a node begins at its second field.
                let before = if fields.len() > 1 {
                    fields[0].len() + 1
                } else {
                    0
                };
                let was = node.to_string();
                self.value(
                    node.at.saturating_sub(before),
                    &was,
                    "",
                    self.dot,
                    fields,
                    keeps,
                )
            }
            NodeKind::Variable(name, fields) => {
                let before = if fields.is_empty() { 0 } else { name.len() };
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let shape = known.map_or(Shape::Other, |(_, shape)| *shape);
                let was = node.to_string();
                self.value(
                    node.at.saturating_sub(before),
                    &was,
                    name,
                    shape,
                    fields,
                    keeps,
                )
            }
            NodeKind::Chain(inner, _) => {
                self.operand(inner, true);
                Shape::Other
            }
            NodeKind::Pipe(pipe) => self.pipe(pipe, keeps),
            NodeKind::Nil
            | NodeKind::Bool(_)
            | NodeKind::Number(_)
            | NodeKind::String(..)
            | NodeKind::Function(_) => Shape::Other,
        }
    }

    /// Follows the fields of a value, and writes down how they are called now.
    fn value(
        &mut self,
        start: usize,
        was: &str,
        name: &str,
        mut shape: Shape,
        fields: &[String],
        keeps: bool,
    ) -> Shape {
        let mut now = name.to_owned();
        for field in fields {
            let (next, called) = shape.field(field);
            shape = next;
            now.push_str(&called);
        }
        if shape == Shape::Image && !keeps {
            now.push_str(".NewValue");
            shape = Shape::Other;
        }
        if now.is_empty() {
            now.push('.');
        }
        let stands_there = self
            .text
            .get(start..)
            .is_some_and(|rest| rest.starts_with(was));
        if now != was && stands_there {
            self.replacements.push((start, was.len(), now));
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Change, ChangedFile, CommitData, CommitTemplate, ObjectIdentifier, UpdatedImage,
    };

    fn data() -> CommitData {
        let change = |app: &str| Change {
            old: format!("ghcr.io/x/{app}:1.0.0"),
            new: format!("ghcr.io/x/{app}:1.1.0"),
            setter: format!("flux-system:{app}"),
        };
        let object = ObjectIdentifier {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
            namespace: "apps".to_owned(),
        };
        CommitData {
            name: "fleet".to_owned(),
            files: vec![ChangedFile {
                path: "web.yaml".to_owned(),
                objects: vec![(object, vec![change("app"), change("web")])],
            }],
            images: ["app", "web"]
                .map(|app| UpdatedImage {
                    namespace: "flux-system".to_owned(),
                    policy: app.to_owned(),
                    reference: format!("ghcr.io/x/{app}:1.1.0"),
                })
                .to_vec(),
            ..CommitData::default()
        }
    }

    /// The rewritten template, which must say what the old one said.
    #[track_caller]
    fn assert_rewritten(old: &str, expected: &str) {
        let template = CommitTemplate::parse(old).unwrap();
        assert!(template.uses_updated(), "{old}");
        let new = template.rewritten();
        assert_eq!(new, expected);
        let again = CommitTemplate::parse(&new).unwrap();
        assert!(!again.uses_updated(), "{new}");
        let said = template.render(&data()).unwrap();
        assert!(said.contains("web"), "{said}");
        assert_eq!(again.render(&data()).unwrap(), said);
    }

    #[test]
    fn an_image_that_is_printed_becomes_the_new_value() {
        assert_rewritten(
            "{{range .Updated.Images}}{{println .}}{{end}}",
            "{{range .Changed.Changes}}{{println .NewValue}}{{end}}",
        );
        assert_rewritten(
            "é {{ range .Updated.Images -}}\n- {{ . }}\n{{ end -}}",
            "é {{ range .Changed.Changes -}}\n- {{ .NewValue }}\n{{ end -}}",
        );
        assert_rewritten(
            "{{ range $i, $image := $.Updated.Images }}{{ $i }} {{ $image | printf \"%s\" }} \
             {{ $image.String }}{{ . }}{{ end }}web",
            "{{ range $i, $image := $.Changed.Changes }}{{ $i }} {{ $image.NewValue | printf \"%s\" }} \
             {{ $image.NewValue }}{{ .NewValue }}{{ end }}web",
        );
    }

    #[test]
    fn files_and_objects_are_followed_to_their_images() {
        assert_rewritten(
            "{{ range $file, $_ := .Updated.Files }}{{ $file }}{{ end }}\
             {{ range $resource, $_ := .Updated.Objects }}{{ $resource.Kind }}{{ end }}",
            "{{ range $file, $_ := .Changed.FileChanges }}{{ $file }}{{ end }}\
             {{ range $resource, $_ := .Changed.Objects }}{{ $resource.Kind }}{{ end }}",
        );
        assert_rewritten(
            "{{ range $file, $result := .Updated.Files }}{{ range $o, $images := \
             $result.Objects }}{{ range $images }}{{ $o.Name }} {{ . }}{{ end }}{{ end }}\
             {{ range .Objects }}{{ len . }}{{ end }}{{ end }}",
            "{{ range $file, $result := .Changed.FileChanges }}{{ range $o, $images := \
             $result }}{{ range $images }}{{ $o.Name }} {{ .NewValue }}{{ end }}{{ end }}\
             {{ range . }}{{ len . }}{{ end }}{{ end }}",
        );
    }

    #[test]
    fn variables_definitions_and_other_branches_are_followed() {
        assert_rewritten(
            "{{ $u := .Updated }}{{ with $u.Images }}{{ range . }}{{ $x := . }}{{ $x }}{{ end }}\
             {{ else }}{{ .AutomationObject }}{{ end }}",
            "{{ $u := .Changed }}{{ with $u.Changes }}{{ range . }}{{ $x := . }}{{ $x.NewValue }}\
             {{ end }}{{ else }}{{ .AutomationObject }}{{ end }}",
        );
        assert_rewritten(
            "{{ define \"image\" }}- {{ . }}{{ end }}{{ range .Updated.Images }}\
             {{ template \"image\" . }}{{ end }}",
            "{{ define \"image\" }}- {{ .NewValue }}{{ end }}{{ range .Changed.Changes }}\
             {{ template \"image\" . }}{{ end }}",
        );
        assert_rewritten(
            "{{ if .Updated.Images }}{{ (print (len .Updated.Images) .AutomationObject.Name) }}\
             {{ end }} web {{ .Values.Updated }}",
            "{{ if .Changed.Changes }}{{ (print (len .Changed.Changes) .AutomationObject.Name) }}\
             {{ end }} web {{ .Values.Updated }}",
        );
    }
}
