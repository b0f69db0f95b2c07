//! Whether this kernel can delay packets by itself: a probe, in a network of its own that nobody else sees.

use std::process::{Command, Stdio};

/// What the probe found, in words.
pub(super) fn probe() -> String {
    let probe = Command::new("unshare")
        .args([
            "--map-root-user",
            "--net",
            "tc",
            "qdisc",
            "add",
            "dev",
            "lo",
            "root",
            "netem",
            "delay",
            "1ms",
        ])
        .stdin(Stdio::null())
        .output();
    let Ok(output) = probe else {
        return "not probed: there is no `unshare`".to_owned();
    };
    judge(
        output.status.success(),
        &String::from_utf8_lossy(&output.stderr),
    )
}

fn judge(success: bool, said: &str) -> String {
    let last = said.lines().last().unwrap_or("no reason was given");
    match success {
        true => {
            "this kernel has it; links are made by the proxy all the same, which needs no privilege"
                .to_owned()
        }
        false if said.contains("qdisc kind is unknown") || said.contains("Specified qdisc") => {
            format!("this kernel has none ({})", last.trim())
        }
        false => format!("not to be had here ({})", last.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_tells_a_kernel_without_it_from_one_that_was_not_asked() {
        assert!(judge(true, "").starts_with("this kernel has it"));
        let words = judge(false, "Error: Specified qdisc kind is unknown.\n");
        assert!(words.starts_with("this kernel has none"), "{words}");
        let words = judge(false, "unshare: unshare failed: Operation not permitted\n");
        assert!(
            words.contains("not to be had here (unshare: unshare failed"),
            "{words}"
        );
        assert!(!probe().is_empty());
    }
}
