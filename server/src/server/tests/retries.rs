//! What workers say of the requests that they sent again.

use super::*;

fn beat(server: &Server, registered: &Registered, retries: u64) -> Result<(), Refusal> {
    let heartbeat = Heartbeat {
        session: registered.session,
        worker: registered.worker,
        clock: Clock(0),
        doing: "computing".into(),
        idle: false,
        sent_bytes: 0,
        received_bytes: 0,
        compute: Duration::ZERO,
        waited: Duration::ZERO,
        retries,
    };
    server.heartbeat(Time::ZERO, &heartbeat).map(drop)
}

#[test]
fn the_retries_of_a_slot_add_up_over_its_sessions_and_never_fall() {
    let server = server(Consistency::Asp, 2);
    let retries = || server.status(Time::ZERO).workers.remove(0).retries;
    let first = join(&server, Time::ZERO);
    // The second of them was overtaken by the third.
    for (said, told) in [(0, 0), (5, 5), (3, 5), (7, 7)] {
        beat(&server, &first, said).unwrap();
        assert_eq!(retries(), told, "{said} is said");
    }
    // The same session registers again, as when its answer was lost.
    let again = Register {
        worker: Some(first.worker),
        session: Some(first.session),
        ..registration()
    };
    server.register(Time::ZERO, &again).unwrap();
    assert_eq!(retries(), 7);
    beat(&server, &first, 8).unwrap();
    assert_eq!(retries(), 8);
    // Another one takes its place, and begins to count.
    let successor = Register {
        worker: Some(first.worker),
        ..registration()
    };
    let second = server.register(Time::ZERO, &successor).unwrap();
    assert_eq!(retries(), 8);
    assert_eq!(
        beat(&server, &first, 100).unwrap_err().kind,
        RefusalKind::Fenced
    );
    beat(&server, &second, 1).unwrap();
    assert_eq!(retries(), 9);
    // Nobody's number makes it turn over.
    beat(&server, &second, u64::MAX).unwrap();
    assert_eq!(retries(), u64::MAX);
}
