//! Commit templates that cannot work.

use crate::stage::{Stage, assert_fails};

fn with_template(template: &str) -> Stage {
    let stage = Stage::new();
    stage.automation(
        "path: ./apps",
        &format!("      messageTemplate: '{template}'\n"),
    );
    stage
}

#[test]
fn a_template_that_does_not_parse_fails_before_anything_is_asked() {
    let stage = with_template("{{ .Changed ");
    stage.fails(&["image update automation flux-system/fleet", "template"]);
    assert_eq!(stage.registry.log(), Vec::<String>::new());
}

#[test]
fn a_template_that_names_a_field_that_is_not_there_fails_before_anything_is_asked() {
    let stage = with_template("{{ .Changed.Absent }}");
    stage.fails(&["image update automation flux-system/fleet", "Absent"]);
    assert_eq!(stage.registry.log(), Vec::<String>::new());
}

#[test]
fn diff_answers_2_for_a_template_that_does_not_parse() {
    let stage = with_template("{{ end }}");
    let answer = stage.program.run(&["diff", "-f", "objects"]);
    assert_fails(&answer, 2, &["{{end}}"]);
}
