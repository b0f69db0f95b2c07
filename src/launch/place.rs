//! Where a process runs, for people: its machine and its number there.

use nix::unistd::gethostname;

/// The host's name and this process's number. In containers the number alone says nothing: it is the same in all.
#[must_use]
pub fn place_of_this_process() -> String {
    let process = format!("process {}", std::process::id());
    match gethostname() {
        Ok(host) => format!("{} {process}", host.to_string_lossy()),
        // Nobody depends on the name.
        Err(_) => process,
    }
}

/// The host's name, as others on its network may know it.
#[must_use]
pub fn host_of_this_process() -> String {
    let name = gethostname().map(|host| host.to_string_lossy().into_owned());
    name.unwrap_or_else(|_| "THIS-HOST".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_a_process() {
        let place = place_of_this_process();
        let (host, process) = place.split_once(" process ").expect("both are named");
        assert!(!host.is_empty());
        assert_eq!(process, std::process::id().to_string());
    }
}
