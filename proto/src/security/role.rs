//! The roles of callers.

use std::fmt;

/// The DNS name in a server's certificate.
pub const SERVER_NAME: &str = "server.thalweg";

/// What a caller is to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Trains: takes data, pulls and pushes.
    Worker,
    /// Looks: asks how things stand and reads parameters.
    Observer,
    /// Steers: looks, and ends the job or feeds it.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Worker, Self::Observer, Self::Admin];

    /// Its name in files, flags and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Observer => "observer",
            Self::Admin => "admin",
        }
    }

    /// The DNS name in its certificates.
    #[must_use]
    pub fn certificate_name(self) -> &'static str {
        match self {
            Self::Worker => "worker.thalweg",
            Self::Observer => "observer.thalweg",
            Self::Admin => "admin.thalweg",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
