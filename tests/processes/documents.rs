//! Documents that a command prints.

use crate::support::{Bench, stderr, stdout};

#[test]
fn the_page_of_optimizers_ends_with_what_the_command_prints() {
    let page = include_str!("../../docs/OPTIMIZERS.md");
    let command = "list optimizers --markdown";
    let marker = format!("<!-- generated: thalweg {command} -->\n\n");
    let (_, generated) = page.split_once(&marker).unwrap();
    let arguments: Vec<&str> = command.split(' ').collect();
    let output = Bench::new().run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output) == generated,
        "replace what stands behind the marker in docs/OPTIMIZERS.md by the output of `cargo run \
         --release -- {command}`"
    );
}
