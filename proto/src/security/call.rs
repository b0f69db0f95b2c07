//! Who may call what. The one table; a test holds it against the schema, so that a call that is new there
//! fails until it is listed here.

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{Request, SessionRole};

use super::keys::{Caller, Shown};
use super::role::Role;

/// A call of the service. What comes as a frame on a session stream counts as the call of the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the schema")]
pub enum Call {
    Session,
    Register,
    Push,
    Pull,
    PushPull,
    NextRange,
    Heartbeat,
    GetStatus,
    Leave,
    Conclude,
    Offer,
    ReadData,
    Checkpoint,
}

/// Why a caller is turned away before a request is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It has shown nothing that this server knows.
    Stranger(Shown),
    /// Its role may not.
    Role(Role, Call),
    /// It may register, but not as this.
    As(Role, SessionRole),
}

impl Call {
    /// Every call, in the order of the schema.
    pub const ALL: [Self; 13] = [
        Self::Session,
        Self::Register,
        Self::Push,
        Self::Pull,
        Self::PushPull,
        Self::NextRange,
        Self::Heartbeat,
        Self::GetStatus,
        Self::Leave,
        Self::Conclude,
        Self::Offer,
        Self::ReadData,
        Self::Checkpoint,
    ];

    /// Its name in the schema.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "Session",
            Self::Register => "Register",
            Self::Push => "Push",
            Self::Pull => "Pull",
            Self::PushPull => "PushPull",
            Self::NextRange => "NextRange",
            Self::Heartbeat => "Heartbeat",
            Self::GetStatus => "GetStatus",
            Self::Leave => "Leave",
            Self::Conclude => "Conclude",
            Self::Offer => "Offer",
            Self::ReadData => "ReadData",
            Self::Checkpoint => "Checkpoint",
        }
    }

    /// The call that a request is.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        match request {
            Request::Register(_) => Self::Register,
            Request::Push(_) => Self::Push,
            Request::Pull(_) => Self::Pull,
            Request::NextRange(_) => Self::NextRange,
            Request::Heartbeat(_) => Self::Heartbeat,
            Request::Status(_) => Self::GetStatus,
            Request::Leave(_) => Self::Leave,
            Request::Conclude(_) => Self::Conclude,
            Request::Offer(_) => Self::Offer,
        }
    }

    /// The table. Whom a registration may be for says [`Call::judge_request`].
    #[must_use]
    pub fn is_allowed(self, role: Role) -> bool {
        match self {
            Self::Session
            | Self::Register
            | Self::Pull
            | Self::Heartbeat
            | Self::GetStatus
            | Self::Leave => true,
            Self::Push | Self::PushPull | Self::NextRange | Self::ReadData => role == Role::Worker,
            Self::Conclude | Self::Offer | Self::Checkpoint => role == Role::Admin,
        }
    }

    /// Judges whether a caller may make this call at all.
    ///
    /// # Errors
    /// [`Denied`] if not.
    pub fn judge(self, caller: &Caller) -> Result<(), Denied> {
        match caller {
            Caller::Anyone => Ok(()),
            Caller::Stranger(shown) => Err(Denied::Stranger(*shown)),
            Caller::Known { role, .. } if self.is_allowed(*role) => Ok(()),
            Caller::Known { role, .. } => Err(Denied::Role(*role, self)),
        }
    }

    /// Judges whether a caller may make a request: the call, and as what it registers.
    ///
    /// # Errors
    /// [`Denied`] if not.
    pub fn judge_request(caller: &Caller, request: &Request) -> Result<(), Denied> {
        Self::of(request).judge(caller)?;
        let (Caller::Known { role, .. }, Request::Register(register)) = (caller, request) else {
            return Ok(());
        };
        // Without data it opens no session: it only asks which job this is.
        let may = match (register.role, role) {
            (SessionRole::Worker, _) if register.data.is_none() => true,
            (SessionRole::Worker, Role::Worker)
            | (SessionRole::Observer, Role::Observer | Role::Admin) => true,
            (SessionRole::Worker, Role::Observer | Role::Admin)
            | (SessionRole::Observer, Role::Worker) => false,
        };
        if may {
            Ok(())
        } else {
            Err(Denied::As(*role, register.role))
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Stranger(shown) => {
                let found = match shown {
                    Shown::Nothing => "neither was shown",
                    Shown::NoRole => "the certificate that was shown names no role",
                    Shown::Token => "the token that was shown is none of them",
                };
                Self::new(
                    RefusalKind::Unauthenticated,
                    format!(
                        "this server wants to know who calls: expected a certificate of its authority that names \
                         a role, or one of its tokens, and {found}; give --certs FOLDER, or --token-file FILE with \
                         --ca-sha256 DIGEST"
                    ),
                )
            }
            Denied::Role(role, call) => {
                let allowed = Role::ALL.into_iter().filter(|role| call.is_allowed(*role));
                let allowed: Vec<_> = allowed.map(Role::name).collect();
                Self::new(
                    RefusalKind::Forbidden,
                    format!(
                        "the role {role} may not call {}; expected the role {}",
                        call.name(),
                        allowed.join(" or ")
                    ),
                )
            }
            Denied::As(role, as_what) => {
                let (what, expected) = match as_what {
                    SessionRole::Worker => ("a worker", "worker"),
                    SessionRole::Observer => ("an observer", "observer or admin"),
                };
                Self::new(
                    RefusalKind::Forbidden,
                    format!(
                        "the role {role} may not register as {what}; expected the role {expected}"
                    ),
                )
            }
        }
    }
}
