//! The gate: who waits for whom, and who is given up.

use super::*;

const NOW: Time = Time::ZERO;
const A: WorkerId = WorkerId(0);
const B: WorkerId = WorkerId(1);

fn pair(consistency: Consistency) -> Admission {
    let mut admission = Admission::new(consistency, 2, 0);
    admission.enter(NOW, A, SessionId(1));
    admission.enter(NOW, B, SessionId(2));
    admission
}

fn parked(gate: &Gate) -> Ticket {
    match gate {
        Gate::Parked(ticket) => *ticket,
        Gate::Open => panic!("the gate is shut"),
    }
}

#[test]
fn bulk_synchronous_workers_wait_for_each_other() {
    let mut gate = pair(Consistency::Bsp);
    assert_eq!(gate.ask(NOW, A, Clock(0)), Gate::Open);
    assert!(gate.advance(NOW, A, Clock(1)).is_empty());
    let ticket = parked(&gate.ask(NOW, A, Clock(1)));
    assert_eq!(gate.waits(NOW)[&A].on, vec![B]);
    assert_eq!(gate.advance(NOW, B, Clock(1)), vec![ticket]);
    assert_eq!(gate.give_up(NOW, ticket), None);
}

#[test]
fn whoever_asks_ahead_waits_for_nobody_until_it_has_come_so_far_itself() {
    let later = |seconds| NOW + Duration::from_secs(seconds);
    let mut gate = pair(Consistency::Bsp);
    let tickets = [A, B].map(|worker| parked(&gate.ask(NOW, worker, Clock(1))));
    assert!(gate.waits(later(2)).is_empty(), "both compute");
    assert!(gate.advance(later(3), A, Clock(1)).is_empty());
    let waits = gate.waits(later(5));
    let wait = &waits[&A];
    assert_eq!(waits.len(), 1, "worker 1 is within its iteration");
    assert_eq!(wait.on, [B]);
    assert_eq!(wait.since, Duration::from_secs(2));
    assert_eq!(gate.advance(later(7), B, Clock(1)), tickets);
    let opened = |time| Opened {
        worker: A,
        floor: Clock(1),
        time: Duration::from_secs(time),
        last: B,
    };
    assert_eq!(
        gate.take_opened(),
        [opened(4)],
        "the last waited for nobody"
    );
    // The same where its patience ended before it had come so far.
    let ahead = parked(&gate.ask(later(8), A, Clock(2)));
    gate.give_up(later(9), ahead);
    gate.advance(later(10), A, Clock(2));
    parked(&gate.ask(later(11), A, Clock(2)));
    assert_eq!(gate.waits(later(12))[&A].since, Duration::from_secs(2));
}

#[test]
fn the_waits_of_a_session_end_with_it() {
    let later = |seconds| NOW + Duration::from_secs(seconds);
    let mut gate = pair(Consistency::Bsp);
    gate.advance(NOW, A, Clock(1));
    let ticket = parked(&gate.ask(NOW, A, Clock(1)));
    gate.leave(later(5), A, SlotState::Lost, "lease expired");
    assert!(gate.waits(later(6)).is_empty());
    gate.enter(later(7), A, SessionId(3));
    assert!(gate.waits(later(8)).is_empty(), "another has asked that");
    assert_eq!(gate.advance(later(9), B, Clock(1)), [ticket]);
    assert_eq!(gate.take_opened(), []);
}

#[test]
fn a_worker_that_is_not_waited_for_goes_through_below_the_clock_of_the_others_and_has_not_waited() {
    let later = |seconds| NOW + Duration::from_secs(seconds);
    let mut gate = Admission::new(Consistency::Bsp, 3, 1);
    let c = WorkerId(2);
    for (worker, session) in [(A, 1), (B, 2), (c, 3)] {
        gate.enter(NOW, worker, SessionId(session));
    }
    let ahead = parked(&gate.ask(NOW, c, Clock(1)));
    gate.advance(later(1), A, Clock(1));
    let ticket = parked(&gate.ask(later(1), A, Clock(1)));
    let waits = gate.waits(later(2));
    assert_eq!(waits.keys().collect::<Vec<_>>(), [&A]);
    let prefix = "all but 1 must reach clock 1: worker 1 ";
    assert!(waits[&A].why.starts_with(prefix), "{}", waits[&A].why);
    assert_eq!(gate.advance(later(3), B, Clock(1)), [ahead, ticket]);
    let wait = Opened {
        worker: A,
        floor: Clock(1),
        time: Duration::from_secs(2),
        last: B,
    };
    assert_eq!(gate.take_opened(), [wait]);
}

#[test]
fn of_thousands_that_wait_for_thousands_the_first_are_named() {
    let mut gate = Admission::new(Consistency::Bsp, 2_000, 0);
    let half = (0..1_000).map(WorkerId);
    for worker in half.clone().chain((1_000..2_000).map(WorkerId)) {
        gate.enter(NOW, worker, SessionId(u64::from(worker.0)));
    }
    for worker in half {
        gate.advance(NOW, worker, Clock(1));
        parked(&gate.ask(NOW, worker, Clock(1)));
    }
    let waits = gate.waits(NOW);
    assert_eq!(waits.len(), 1_000);
    let wait = &waits[&WorkerId(999)];
    assert_eq!(wait.on.len(), HOLDERS_MAX);
    assert_eq!(wait.on[0], WorkerId(1_000));
    assert!(wait.why.ends_with("; and maybe others"), "{}", wait.why);
}

#[test]
fn stale_synchronous_workers_run_ahead_by_the_lag() {
    let mut gate = pair(Consistency::Ssp { lag: 2 });
    gate.advance(NOW, A, Clock(2));
    assert_eq!(gate.ask(NOW, A, Clock(2)), Gate::Open);
    gate.advance(NOW, A, Clock(3));
    let ticket = parked(&gate.ask(NOW, A, Clock(3)));
    let (floor, holders) = gate.give_up(NOW, ticket).unwrap();
    assert_eq!(
        (floor, holders[0].worker, holders[0].clock),
        (Clock(1), B, Clock(0))
    );
}

#[test]
fn a_round_without_the_slowest_goes_on_and_takes_the_straggler_along() {
    let mut gate = Admission::new(Consistency::Bsp, 3, 1);
    let c = WorkerId(2);
    for (worker, session) in [(A, 1), (B, 2), (c, 3)] {
        gate.enter(NOW, worker, SessionId(session));
    }
    gate.advance(NOW, A, Clock(1));
    let ticket = parked(&gate.ask(NOW, A, Clock(1)));
    assert_eq!(gate.advance(NOW, B, Clock(1)), vec![ticket]);
    for round in 2..=4 {
        gate.advance(NOW, A, Clock(round));
        gate.advance(NOW, B, Clock(round));
    }
    // The straggler's first push comes in round 4: it may begin that one at once, and is in it.
    gate.advance(NOW, c, Clock(1));
    assert_eq!(gate.clocks().slots()[2].clock, Clock(4));
    assert_eq!(gate.ask(NOW, c, Clock(1)), Gate::Open);
    gate.advance(NOW, c, Clock(2));
    let ticket = parked(&gate.ask(NOW, c, Clock(2)));
    assert_eq!(gate.advance(NOW, A, Clock(5)), vec![ticket]);
}

#[test]
fn asynchronous_workers_never_wait() {
    let mut gate = Admission::new(Consistency::Asp, 2, 0);
    assert_eq!(gate.ask(NOW, A, Clock(1_000)), Gate::Open);
}

#[test]
fn a_worker_that_has_not_joined_holds_the_gate_until_it_is_given_up() {
    let mut gate = Admission::new(Consistency::Bsp, 2, 0);
    gate.enter(NOW, A, SessionId(1));
    gate.advance(NOW, A, Clock(1));
    let ticket = parked(&gate.ask(NOW, A, Clock(1)));
    let later = NOW + Duration::from_secs(61);
    gate.alive(later, A, SessionId(1));
    let lapsed = gate.lapsed(later, Duration::from_secs(60));
    assert_eq!(lapsed.len(), 1);
    assert_eq!((lapsed[0].worker, lapsed[0].session), (B, None));
    assert_eq!(
        gate.leave(NOW, B, SlotState::Lost, "never joined"),
        vec![ticket]
    );
}

#[test]
fn a_worker_that_lives_and_finishes_nothing_is_given_up_and_who_waits_for_it_is_not() {
    let join = Duration::from_secs(60);
    for consistency in [Consistency::Bsp, Consistency::Ssp { lag: 2 }] {
        let mut gate = pair(consistency).with_signs(Signs {
            iteration: Duration::from_secs(100),
            ..Signs::default()
        });
        gate.advance(NOW, A, Clock(3));
        let ticket = parked(&gate.ask(NOW, A, Clock(3)));
        let lapsed = |gate: &mut Admission, seconds| {
            let now = NOW + Duration::from_secs(seconds);
            gate.alive(now, A, SessionId(1));
            gate.alive(now, B, SessionId(2));
            gate.lapsed(now, join)
        };
        assert!(lapsed(&mut gate, 0).is_empty());
        assert!(lapsed(&mut gate, 100).is_empty());
        // The time in which nobody could be heard counts for nobody.
        gate.slept(Duration::from_secs(50));
        assert!(lapsed(&mut gate, 150).is_empty());
        let [hung] = &lapsed(&mut gate, 151)[..] else {
            panic!("one hangs");
        };
        assert_eq!((hung.worker, hung.session), (B, Some(SessionId(2))));
        assert!(
            hung.why.starts_with("finished no iteration for 101.0 s"),
            "{}",
            hung.why
        );
        let released = gate.leave(NOW, B, SlotState::Lost, &hung.why);
        assert_eq!(released, vec![ticket]);
        assert!(lapsed(&mut gate, 151).is_empty(), "its own time begins");
        assert!(lapsed(&mut gate, 251).is_empty());
        assert_eq!(lapsed(&mut gate, 252)[0].worker, A);
    }
}

#[test]
fn whoever_waits_for_a_silent_worker_is_told_how_long_its_lease_still_runs() {
    let signs = |heartbeat, lease| Signs {
        heartbeat: Duration::from_millis(heartbeat),
        lease: Duration::from_millis(lease),
        ..Signs::default()
    };
    let mut gate = pair(Consistency::Bsp).with_signs(signs(500, 2_000));
    gate.advance(NOW, A, Clock(1));
    parked(&gate.ask(NOW, A, Clock(1)));
    let why = |gate: &Admission, millis| {
        let now = NOW + Duration::from_millis(millis);
        let wait = gate.waits(now).remove(&A).unwrap();
        let left = gate.clocks().lease_left(now, &gate.clocks().slots()[1]);
        (wait.why, left)
    };
    let prefix = "all must reach clock 1: worker 1 is at clock 0";
    let computes = format!("{prefix} (in an iteration for 1.0 s)");
    assert_eq!(why(&gate, 1_000), (computes, None));
    let silent = format!("{prefix} (not heard of for 1.4 s; its lease ends in 0.6 s)");
    let left = Duration::from_millis(600);
    assert_eq!(why(&gate, 1_400), (silent, Some(left)));
    // Where two signs of life are a whole lease, one and a half say something.
    let gate = gate.with_signs(signs(1_000, 2_000));
    assert_eq!(why(&gate, 1_500).1, None);
    assert_eq!(why(&gate, 1_600).1, Some(Duration::from_millis(400)));
}

#[test]
fn a_lost_an_idle_and_a_late_worker_hold_nobody() {
    let mut gate = pair(Consistency::Bsp);
    gate.advance(NOW, A, Clock(5));
    let ticket = parked(&gate.ask(NOW, A, Clock(5)));
    assert_eq!(
        gate.leave(NOW, B, SlotState::Lost, "lease expired"),
        vec![ticket]
    );
    // B comes back with a clock of its own that starts at 0: the table lifts it to A's.
    gate.enter(NOW, B, SessionId(3));
    assert_eq!(gate.ask(NOW, A, Clock(5)), Gate::Open);
    assert_eq!(gate.ask(NOW, B, Clock(0)), Gate::Open);
    gate.advance(NOW, A, Clock(6));
    let ticket = parked(&gate.ask(NOW, A, Clock(6)));
    assert_eq!(gate.idle(NOW, B, true), vec![ticket]);
}

#[test]
fn a_wait_is_told_when_it_ends_with_its_whole_length_and_who_came_last() {
    let later = |seconds| NOW + Duration::from_secs(seconds);
    let mut gate = pair(Consistency::Bsp);
    gate.advance(NOW, A, Clock(1));
    let wait = |floor, seconds, last| Opened {
        worker: A,
        floor: Clock(floor),
        time: Duration::from_secs(seconds),
        last,
    };
    let ticket = parked(&gate.ask(NOW, A, Clock(1)));
    gate.give_up(later(5), ticket);
    parked(&gate.ask(later(6), A, Clock(1)));
    let waits = gate.waits(later(7)).remove(&A).unwrap();
    assert_eq!(waits.since, Duration::from_secs(7), "it was asked again");
    gate.advance(later(8), B, Clock(1));
    assert_eq!(gate.take_opened(), [wait(1, 8, B)]);
    // The gate opens between two askings.
    gate.advance(later(9), A, Clock(2));
    let ticket = parked(&gate.ask(later(10), A, Clock(2)));
    gate.give_up(later(15), ticket);
    gate.advance(later(16), B, Clock(2));
    assert_eq!(gate.take_opened(), [wait(2, 6, B)]);
    assert_eq!(gate.ask(later(17), A, Clock(2)), Gate::Open);
    // Another question is another wait, and one that ended with its worker is told of no other.
    gate.advance(later(17), A, Clock(4));
    let ticket = parked(&gate.ask(later(18), A, Clock(3)));
    gate.give_up(later(19), ticket);
    parked(&gate.ask(later(20), A, Clock(4)));
    gate.leave(later(21), B, SlotState::Lost, "lease expired");
    assert_eq!(gate.take_opened(), [wait(3, 3, B), wait(4, 1, B)]);
    gate.enter(later(22), B, SessionId(3));
    gate.advance(later(22), A, Clock(5));
    let ticket = parked(&gate.ask(later(23), A, Clock(5)));
    gate.give_up(later(24), ticket);
    gate.leave(later(25), A, SlotState::Left, "left");
    assert_eq!(gate.take_opened(), []);
}
