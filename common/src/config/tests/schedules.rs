//! `[schedules]`: what is read, and each thing that cannot change with its reason.

use super::{Draft, JobConfig, Registries};
use crate::schedule::Unit;

const RESOLVED: &str = "[data.resolved]\nrows = 100\ntest_rows = 0\nfeatures = 3\nclasses = 2\n\
                        hash = '0123456789abcdef'\n[train]\nbatch_size = 10\nepochs = 2\n";

/// The job with this rule and these schedules, whose data are known.
fn job(rule: &str, schedules: &str) -> Result<JobConfig, String> {
    let text = format!("[optimizer]\nlr = 1\nname = {rule}\n{schedules}\n{RESOLVED}");
    let draft = Draft::parse("job.toml", &text).map_err(|error| error.to_string())?;
    draft
        .check(&Registries::COMMON)
        .map_err(|error| error.to_string())
}

fn refusal(rule: &str, schedules: &str) -> String {
    match job(rule, schedules) {
        Ok(_) => panic!("{rule} accepts {schedules}"),
        Err(refusal) => refusal,
    }
}

#[test]
fn a_schedule_has_a_unit_of_its_own_or_that_of_the_rate() {
    let schedules = "[schedule]\nunit = 'steps'\n[schedules]\n\
                     dampening = { name = 'constant', unit = 'epochs' }\n\
                     [schedules.momentum]\nto = 0.9\nname = 'ramp'\nover = 5.0";
    let job = job("'momentum'\nmomentum = 0.5", schedules).unwrap();
    assert_eq!(job.schedules["momentum"].unit, Unit::Steps);
    assert_eq!(job.schedules["dampening"].unit, Unit::Epochs);
    let written = "[schedules.momentum]\nname = \"ramp\"\nunit = \"steps\"\nover = 5.0\nto = 0.9\n";
    assert!(job.to_toml().contains(written), "{}", job.to_toml());
    let again = Draft::parse("again", &job.to_toml()).unwrap();
    let again = again.check(&Registries::COMMON).unwrap();
    assert_eq!(again, job);

    let tuning = job.tuning().unwrap();
    let lengths = job.lengths().unwrap();
    assert_eq!(
        tuning.names().collect::<Vec<_>>(),
        ["dampening", "momentum"]
    );
    let momentum = |progress| tuning.values(progress, &lengths).nth(1).unwrap();
    let momenta = [0, 25, 50, 200].map(momentum);
    assert_eq!(momenta.to_vec(), [0.5, 0.7, 0.9, 0.9]);
}

#[test]
fn schedules_are_part_of_the_fingerprint_and_a_job_without_has_none_in_its_text() {
    let none = job("'momentum'", "").unwrap();
    let to = |to: &str| {
        let ramp = format!("[schedules]\nmomentum = {{ name = 'ramp', to = {to} }}");
        job("'momentum'", &ramp).unwrap()
    };
    assert!(!none.to_toml().contains("schedules"));
    assert_ne!(none.fingerprint(), to("0.5").fingerprint());
    assert_ne!(to("0.6").fingerprint(), to("0.5").fingerprint());
    assert_eq!(to("0.50").fingerprint(), to("0.5").fingerprint());
}

#[test]
fn a_number_in_a_list_is_set_on_the_command_line_with_quotes_or_without() {
    let mut texts = Vec::new();
    for key in ["schedules.\"betas[0]\"", "schedules.betas[0]"] {
        let text = format!("[optimizer]\nlr = 1\nname = 'adam'\n{RESOLVED}");
        let mut draft = Draft::parse("job.toml", &text).unwrap();
        draft.set(&format!("{key}.name=ramp")).unwrap();
        draft.set(&format!("{key}.to=0.5")).unwrap();
        texts.push(draft.check(&Registries::COMMON).unwrap().to_toml());
    }
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].contains("[schedules.\"betas[0]\"]\nname = \"ramp\""));
}

/// A rule, `[schedules]`, and what must be said of it.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "'momentum'",
        "momentun = { name = 'ramp' }",
        "job.toml:5: [schedules] momentun: `momentum` has no such number (did you mean `momentum`?); \
         it has: momentum, dampening",
    ),
    (
        "'adam'",
        "beta = { name = 'ramp' }",
        "job.toml:5: [schedules] beta: `adam` has no such number (did you mean `betas[0]`?); it has: \
         betas[0], betas[1], eps",
    ),
    (
        "'sgd'",
        "momentum = { name = 'ramp' }",
        "job.toml:5: [schedules] momentum: `sgd` has no such number; it has none but the learning \
         rate, whose section is [schedule]",
    ),
    (
        "'adam'",
        "lr = { name = 'cosine' }",
        "job.toml:5: [schedules] lr: the learning rate has a section of its own; write its schedule \
         in [schedule]",
    ),
    (
        "'adam'",
        "l2 = { name = 'cosine' }",
        "job.toml:5: [schedules] l2: what [regularizer] holds is no hyper-parameter of the optimizer, \
         and does not change during a job",
    ),
    (
        "'aggmo'",
        "betas = { name = 'ramp' }",
        "job.toml:5: [schedules] betas: expected one number of the list `betas`, `\"betas[0]\"` to \
         `\"betas[2]\"`; how many numbers it has cannot change",
    ),
    (
        "'aggmo'\nbetas = [0.5]",
        "'betas[1]' = { name = 'ramp' }",
        "job.toml:6: [schedules] betas[1]: expected one number of the list `betas`, `\"betas[0]\"`; \
         how many numbers it has cannot change",
    ),
    (
        "'momentum'",
        "'momentum[0]' = { name = 'ramp' }",
        "job.toml:5: [schedules] momentum[0]: `momentum` is one number and no list; write `momentum`",
    ),
    (
        "'adamw'",
        "amsgrad = { name = 'ramp' }",
        "job.toml:5: [schedules] amsgrad: it is false, which chooses a formula; only numbers change \
         during a job",
    ),
    (
        "'adagrad'",
        "initial_accumulator_value = { name = 'constant' }",
        "job.toml:5: [schedules] initial_accumulator_value: slots begin at a value that it decides, \
         so that it cannot change once the job runs; set it in [optimizer]",
    ),
    (
        "'adam_survey'",
        "eps = { name = 'cosine' }",
        "job.toml:5: [schedules] eps: slots begin at a value that it decides, so that it cannot \
         change once the job runs; set it in [optimizer]",
    ),
    (
        "'momentum'",
        "momentum = { name = 'ramp', to = 1.5 }",
        "job.toml:5: [schedules] momentum: after 40 examples (0.400 epochs) it would be 1.02, but \
         must be at least 0 and below 1",
    ),
    (
        "'adam'",
        "'betas[1]' = { name = 'ramp', to = 1.0 }\neps = { name = 'polynomial' }",
        "job.toml:5: [schedules] betas[1]: after 200 examples (2.000 epochs) it would be 1, but must \
         be at least 0 and below 1\n\
         job.toml:6: [schedules] eps: after 200 examples (2.000 epochs) it would be 0, but must be a \
         finite number above 0",
    ),
    (
        "'aggmo'",
        "'betas[2]' = { name = 'ramp', to = 2.0 }",
        "job.toml:5: [schedules] betas[2]: after 10 examples (0.100 epochs) it would be 1.0405, but \
         must be at least 0 and below 1",
    ),
    (
        "'rmsprop'",
        "momentum = { name = 'ramp', to = 0.5 }",
        "job.toml:5: [schedules] momentum: after 10 examples (0.100 epochs) it would be 0.025, which \
         needs the slots `square_avg`, `momentum_buffer`, while 0 in [optimizer] needs `square_avg`; \
         a job has the same slots from beginning to end",
    ),
    (
        "'momentum'",
        "momentum = 0.9",
        "job.toml:5: `schedules.momentum`: expected a table with the `name` of a schedule, such as { \
         name = \"ramp\", to = 0.9 }, found 0.9",
    ),
    (
        "'momentum'",
        "momentum = { to = 0.9, unit = 'step' }",
        "job.toml:5: `schedules.momentum`: expected a table with the `name` of a schedule, such as { \
         name = \"ramp\", to = 0.9 }, found one without `name`\n\
         job.toml:5: `schedules.momentum.unit`: expected \"epochs\" or \"steps\", found the text \
         \"step\"; did you mean \"steps\"?",
    ),
    (
        "'momentum'",
        "momentum = { name = 'rmap' }\ndampening = { name = 'ramp', too = 0.9 }",
        "job.toml:5: [schedules] momentum: no schedule is called `rmap` (did you mean `ramp`?); there \
         are: constant, step, multistep, exponential, inverse_time, inverse_sqrt, polynomial, \
         linear_warmup, ramp, cosine, cosine_periodic, cosine_warm_restarts, one_cycle, noam, \
         sequence, product\n\
         job.toml:6: [schedules] dampening: `ramp` has no setting `too` (did you mean `to`?); it has: \
         to, over",
    ),
];

#[test]
fn what_cannot_change_is_refused_with_its_line_the_reason_and_the_way_out() {
    for (rule, schedules, words) in REFUSED {
        let found = refusal(rule, &format!("[schedules]\n{schedules}"));
        assert_eq!(found, *words, "{rule}: {schedules}");
    }
}

#[test]
fn a_schedule_of_a_hyper_parameter_in_the_section_of_the_rate_is_sent_to_its_own() {
    let found = refusal("'momentum'", "[schedule.momentum]\nname = 'ramp'");
    assert_eq!(
        found,
        "job.toml:4: [schedule]: `constant` has no setting `momentum`; it has none; schedules of \
         hyper-parameters stand in [schedules]"
    );
}

#[test]
fn values_are_judged_once_the_data_are_known() {
    let text =
        "[optimizer]\nlr = 1\nname = 'momentum'\n[schedules.momentum]\nname = 'ramp'\nto = 2";
    let draft = Draft::parse("job.toml", text).unwrap();
    let job = draft.check(&Registries::COMMON).unwrap();
    let refused = job.with_resolved(super::RESOLVED).unwrap_err().to_string();
    assert!(
        refused.starts_with("[schedules] momentum: after "),
        "{refused}"
    );
}
