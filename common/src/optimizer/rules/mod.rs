//! The formulas, one file each, and the list of them all.

pub mod sgd;
pub mod momentum;
pub mod momentum_lr_inside;
pub mod momentum_ewa;
pub mod momentum_ewa_corrected;
pub mod nesterov;
pub mod nag_lookahead;
pub mod delayed_nesterov;
pub mod qhm;
pub mod aggmo;
pub mod asgd;
pub mod averaged_sgd;
pub mod adagrad;
pub mod adagrad_eps_inside;
pub mod adaptive_revision;
pub mod adadelta;
pub mod adadelta_r0_eps;
pub mod rmsprop;
pub mod rmsprop_eps_inside;
pub mod adam;
pub mod adam_eps_hat;
pub mod adam_eps_inside;
pub mod adam_survey;
pub mod adamw;
pub mod amsgrad;
pub mod amsgrad_no_bias_correction;
pub mod amsgrad_max_of_corrected;
pub mod adamax;
pub mod adamax_eps_outside;
pub mod adamax_noeps;
pub mod nadam;
pub mod nadam_const;
pub mod nadam_simple;
pub mod nadam_survey;
pub mod nadam_full;
pub mod nadamax;
pub mod qhadam;
pub mod ftrl;
pub mod ftrl_adaptive_revision;
pub mod dc_asgd_constant;
pub mod dc_asgd_adaptive;
pub mod gap_aware;
pub mod lion;
pub mod lars;
pub mod lamb;
pub mod adafactor;

use super::entry::OptimizerEntry;
use crate::registry::{SettingError, find};

/// Every optimizer there is, in order of growing complexity.
pub static OPTIMIZERS: &[OptimizerEntry] = &[
    sgd::ENTRY,
    momentum::ENTRY,
    momentum_lr_inside::ENTRY,
    momentum_ewa::ENTRY,
    momentum_ewa_corrected::ENTRY,
    nesterov::ENTRY,
    nag_lookahead::ENTRY,
    delayed_nesterov::ENTRY,
    qhm::ENTRY,
    aggmo::ENTRY,
    asgd::ENTRY,
    averaged_sgd::ENTRY,
    adagrad::ENTRY,
    adagrad_eps_inside::ENTRY,
    adaptive_revision::ENTRY,
    adadelta::ENTRY,
    adadelta_r0_eps::ENTRY,
    rmsprop::ENTRY,
    rmsprop_eps_inside::ENTRY,
    adam::ENTRY,
    adam_eps_hat::ENTRY,
    adam_eps_inside::ENTRY,
    adam_survey::ENTRY,
    adamw::ENTRY,
    amsgrad::ENTRY,
    amsgrad_no_bias_correction::ENTRY,
    amsgrad_max_of_corrected::ENTRY,
    adamax::ENTRY,
    adamax_eps_outside::ENTRY,
    adamax_noeps::ENTRY,
    nadam::ENTRY,
    nadam_const::ENTRY,
    nadam_simple::ENTRY,
    nadam_survey::ENTRY,
    nadam_full::ENTRY,
    nadamax::ENTRY,
    qhadam::ENTRY,
    ftrl::ENTRY,
    ftrl_adaptive_revision::ENTRY,
    dc_asgd_constant::ENTRY,
    dc_asgd_adaptive::ENTRY,
    gap_aware::ENTRY,
    lion::ENTRY,
    lars::ENTRY,
    lamb::ENTRY,
    adafactor::ENTRY,
];

/// The optimizer called `name`.
///
/// # Errors
/// [`SettingError::UnknownName`].
pub fn optimizer(name: &str) -> Result<&'static OptimizerEntry, SettingError> {
    find("optimizer", OPTIMIZERS, name)
}
