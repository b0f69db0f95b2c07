//! Which regularizers an optimizer can be combined with exactly, and why not with the others.

use super::entry::{Acts, RegularizerEntry};
use crate::optimizer::{Facts, Lasting, Shown};
use crate::shard_map::Grain;

/// Why the optimizer `rule`, of which `facts` are known, cannot be combined with a regularizer and
/// what to take instead; `None` if it can.
#[must_use]
pub fn refusal(rule: &str, facts: &Facts, entry: &RegularizerEntry) -> Option<String> {
    let why = match entry.acts {
        Acts::AsTheRuleHasIt => None,
        Acts::OnTheGradient => whole_tensors(facts),
        Acts::BeforeTheRule => whole_tensors(facts).or_else(|| forgotten(facts)),
        Acts::AfterTheRule => whole_tensors(facts)
            .or_else(|| forgotten(facts))
            .or_else(|| unseen(facts)),
        Acts::AsAConstraint => forgotten(facts).or_else(|| unseen(facts)),
    };
    let name = entry.name;
    why.map(|why| format!("`{name}` cannot go with `optimizer.name` = \"{rule}\": {why}"))
}

fn whole_tensors(facts: &Facts) -> Option<&'static str> {
    (facts.grain == Grain::Tensors).then_some(
        "it scales its step by norms of the whole tensor, so that the term's share would have \
         another rate than lr; set `l2`, which it treats as its paper does, or choose an optimizer \
         that works on single parameters",
    )
}

fn forgotten(facts: &Facts) -> Option<&'static str> {
    (facts.lasting == Lasting::ComputedAnew).then_some(
        "it computes the parameter anew from its slots at every gradient, so that what changes it \
         after the step is forgotten; set the optimizer's own `lambda1` and `lambda2`, or choose \
         another optimizer",
    )
}

fn unseen(facts: &Facts) -> Option<&'static str> {
    (facts.shown == Shown::Another).then_some(
        "readers see another number than the parameter that the term acts on (an average, or a \
         point ahead), which keeps neither its zeros nor its bounds; choose an optimizer that shows \
         the parameter itself",
    )
}
