//! Where the servers of a local cluster tell their metrics: one port after the other.

use std::fmt;
use std::str::FromStr;

/// The place of server 0; server i is at the port i further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsPlace {
    host: String,
    port: u16,
}

impl FromStr for MetricsPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        match port.parse() {
            Ok(port) if port != 0 && !host.is_empty() => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(
                "expected HOST:PORT with a port from 1, for example 127.0.0.1:9600: server 0 takes this \
                 port, server 1 the next"
                    .to_owned(),
            ),
        }
    }
}

impl MetricsPlace {
    /// Judges whether there is a port for each of so many servers.
    ///
    /// # Errors
    /// What was expected and found, in one line.
    pub fn check(&self, servers: u32) -> Result<(), String> {
        let last = u64::from(self.port) + u64::from(servers) - 1;
        match u16::try_from(last) {
            Ok(_) => Ok(()),
            Err(_) => Err(format!(
                "--metrics {self}: {servers} servers need the ports up to {last}, and there are none above \
                 65535; begin lower"
            )),
        }
    }

    /// The flags of server `index`.
    pub(super) fn flags(&self, index: u32) -> [String; 2] {
        let port = u32::from(self.port) + index;
        ["--metrics".to_owned(), format!("{}:{port}", self.host)]
    }
}

impl fmt::Display for MetricsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_take_one_port_after_the_other() {
        for (text, second) in [
            ("127.0.0.1:9600", "127.0.0.1:9601"),
            ("[::1]:80", "[::1]:81"),
        ] {
            let place: MetricsPlace = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
            assert_eq!(place.flags(1), ["--metrics", second]);
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            "9600",
            ":9600",
            "localhost:",
            "localhost:0",
            "a:65536",
            "a:b",
        ] {
            let error = text.parse::<MetricsPlace>().unwrap_err();
            assert!(error.contains("127.0.0.1:9600"), "{text}: {error}");
        }
        let high: MetricsPlace = "a:65535".parse().unwrap();
        assert_eq!(high.check(1), Ok(()));
        let error = high.check(2).unwrap_err();
        assert!(error.contains("65536"), "{error}");
    }
}
