//! What memory this machine has to give. A layout that is larger than that is refused before a
//! process starts: it would not fail, but swap, or be killed, and its peers would blame the network.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// These files of the kernel are short; more than this is none of them.
const FILE_BYTES_MAX: u64 = 1 << 16;

/// Memory that can be had, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// Bytes.
    pub bytes: u64,
    /// The file of the kernel that bounds it.
    pub told_by: PathBuf,
}

impl fmt::Display for Available {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = crate::view::units::bytes(self.bytes);
        write!(f, "{bytes} ({})", self.told_by.display())
    }
}

/// The least of what the machine has available and the limits of this process's control groups;
/// `None` on systems that do not tell.
#[must_use]
pub fn available() -> Option<Available> {
    available_below(Path::new("/"))
}

fn available_below(root: &Path) -> Option<Available> {
    let meminfo = root.join("proc/meminfo");
    let machine = read(&meminfo)
        .as_deref()
        .and_then(mem_available)
        .map(|bytes| Available {
            bytes,
            told_by: meminfo,
        });
    let groups = read(&root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = limit_files(root, &groups);
    let limits = limits.into_iter().filter_map(|file| {
        // "max" is no limit.
        let bytes = read(&file)?.trim().parse().ok()?;
        Some(Available {
            bytes,
            told_by: file,
        })
    });
    machine
        .into_iter()
        .chain(limits)
        .chain(address_space(root))
        .min_by_key(|found| found.bytes)
}

/// What a limit on the address space (`ulimit -v`) leaves, if there is one.
fn address_space(root: &Path) -> Option<Available> {
    let told_by = root.join("proc/self/limits");
    let limits = read(&told_by)?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    // "unlimited" is no limit.
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let status = read(&root.join("proc/self/status"))?;
    let taken = kibibytes_of("VmSize:", &status)?;
    Some(Available {
        bytes: limit.saturating_sub(taken),
        told_by,
    })
}

/// The most memory that this process has held so far, bytes; `None` on systems that do not tell.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    read(Path::new("/proc/self/status"))
        .as_deref()
        .and_then(|status| kibibytes_of("VmHWM:", status))
}

fn mem_available(meminfo: &str) -> Option<u64> {
    kibibytes_of("MemAvailable:", meminfo)
}

/// The bytes after `key`, which the kernel tells in KiB.
fn kibibytes_of(key: &str, text: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The files that may hold a limit: of the group of the process and all groups around it, in the
/// second version of control groups and in the first.
fn limit_files(root: &Path, groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (below, name) = if controllers.is_empty() {
            ("sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|word| word == "memory") {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let inside = Path::new(path.trim_start_matches('/'));
        files.extend(
            inside
                .ancestors()
                .map(|group| root.join(below).join(group).join(name)),
        );
    }
    files
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn machine(files: &[(&str, &str)]) -> Option<(u64, String)> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = available_below(root.path())?;
        let told_by = found.told_by.strip_prefix(root.path()).unwrap();
        Some((found.bytes, told_by.display().to_string()))
    }

    const MEMINFO: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:       8000 kB\nMemAvailable:   4000 kB\n",
    );

    #[test]
    fn the_least_bound_counts_and_names_its_file() {
        assert_eq!(
            machine(&[MEMINFO]),
            Some((4_096_000, "proc/meminfo".into()))
        );
        let second = [
            MEMINFO,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.max", "1000\n"),
        ];
        let group = "sys/fs/cgroup/a/memory.max";
        assert_eq!(machine(&second), Some((1_000, group.into())));
        let first = [
            MEMINFO,
            ("proc/self/cgroup", "3:cpu:/x\n2:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n"),
        ];
        let group = "sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(machine(&first), Some((2_000, group.into())));
        let limits = |soft: &str| format!("Max address space {soft:>20} unlimited bytes\n");
        let status = ("proc/self/status", "VmSize:\t 1 kB\n");
        let left = |soft: &str| machine(&[MEMINFO, status, ("proc/self/limits", &limits(soft))]);
        assert_eq!(left("5000"), Some((3_976, "proc/self/limits".into())));
        assert_eq!(left("unlimited"), Some((4_096_000, "proc/meminfo".into())));
    }

    #[test]
    fn what_a_process_has_held_is_at_least_what_it_holds() {
        let held = vec![1_u8; 8 << 20];
        // Only where the kernel tells.
        if let Some(peak) = peak_memory() {
            assert!(held.len() as u64 <= peak, "{peak}");
        }
        assert_eq!(kibibytes_of("VmHWM:", "VmHWM:\t   12 kB\n"), Some(12_288));
        assert_eq!(kibibytes_of("VmHWM:", "VmRSS:\t   12 kB\n"), None);
    }

    #[test]
    fn a_system_that_does_not_tell_has_no_bound() {
        assert_eq!(machine(&[]), None);
        assert_eq!(machine(&[("proc/meminfo", "MemAvailable: much\n")]), None);
    }
}
