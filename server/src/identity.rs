//! Who is speaking: protocol versions, job and data, judged at registration.

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::Fingerprint;
use thalweg_common::message::{PROTOCOL_VERSIONS, Register};

use crate::plan::Plan;

/// Judges a registration and picks the protocol version: the greatest that both speak.
pub(crate) fn judge(plan: &Plan, register: &Register) -> Result<u32, Refusal> {
    let (ours, theirs) = (PROTOCOL_VERSIONS, &register.protocol);
    let version = *ours.end().min(theirs.end());
    if version < *ours.start().max(theirs.start()) {
        return Err(Refusal::new(
            RefusalKind::Protocol,
            format!(
                "the caller speaks protocol versions {} to {}, this server {} to {}; run the same \
                 release on both sides",
                theirs.start(),
                theirs.end(),
                ours.start(),
                ours.end()
            ),
        ));
    }
    if let Some(fingerprint) = register.fingerprint {
        judge_fingerprint(plan, fingerprint)?;
    }
    let (servers, lives) = (plan.map.servers(), register.lives.len());
    if servers < u32::try_from(lives).unwrap_or(u32::MAX) {
        return Err(Refusal::invalid(format!(
            "expected the lives of at most {servers} servers, as many as the job has, found {lives}"
        )));
    }
    if let Some(data) = register.data
        && data != plan.data
    {
        let expected = plan.data;
        return Err(Refusal::new(
            RefusalKind::WrongJob,
            format!(
                "the worker's training data differ from the job's: found {} rows, {} features, \
                 content {:016x}; expected {} rows, {} features, content {:016x}. Give every worker \
                 the file that the job was resolved with",
                data.rows,
                data.features,
                data.hash,
                expected.rows,
                expected.features,
                expected.hash
            ),
        ));
    }
    Ok(version)
}

/// Judges a job's fingerprint.
pub(crate) fn judge_fingerprint(plan: &Plan, fingerprint: Fingerprint) -> Result<(), Refusal> {
    if fingerprint == plan.fingerprint {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalKind::WrongJob,
        format!(
            "this server serves job `{}` with fingerprint {}; the caller has {fingerprint}: another \
             job, or the same one resolved differently",
            plan.job, plan.fingerprint
        ),
    ))
}
