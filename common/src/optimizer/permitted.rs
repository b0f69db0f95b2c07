//! What most rules ask of their hyper-parameters, each with the reason that a refusal gives.

use crate::registry::{SettingError, in_unit_interval, positive};

/// Requires the memories of two means.
pub(super) fn check_betas(betas: [f64; 2]) -> Result<(), SettingError> {
    check_memory("betas[0]", betas[0])?;
    check_memory("betas[1]", betas[1])
}

/// Requires the memory of a mean, in [0, 1).
pub(super) fn check_memory(key: &'static str, beta: f64) -> Result<(), SettingError> {
    let why =
        "it is the share of itself that a mean keeps; one that keeps all never takes in a gradient";
    in_unit_interval(key, beta, why)
}

/// Requires the memory of a sum, in [0, 1).
pub(super) fn check_velocity(key: &'static str, momentum: f64) -> Result<(), SettingError> {
    let why =
        "it is the share of itself that a velocity keeps; one that keeps all never comes to rest";
    in_unit_interval(key, momentum, why)
}

/// Requires an ε above zero.
pub(super) fn check_eps(eps: f64) -> Result<(), SettingError> {
    let why = "it keeps steps finite where gradients are zero, or next to it";
    positive("eps", eps, why)
}
