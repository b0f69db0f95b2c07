//! What the coordinator deals, asked through a server.

use super::*;

#[test]
fn one_asking_deals_the_batches_of_several_rounds_and_a_lost_answer_comes_again_whole() {
    let server = server(Consistency::Bsp, 2);
    let (a, mut b) = (Pusher::join(&server), Pusher::join(&server));
    let ask = |pusher: &Pusher, wanted| {
        let asked = NextRange {
            wanted,
            ..pusher.asks()
        };
        server.next_range(Time::ZERO, &asked).unwrap().grants
    };
    let batches = |starts: &[u64]| {
        let batch = |start: &u64| Grant::Range {
            epoch: 0,
            start: *start,
            end: start + 10,
        };
        starts.iter().map(batch).collect::<Vec<_>>()
    };
    let dealt = ask(&b, 3);
    assert_eq!(dealt, batches(&[10, 30, 50]));
    assert_eq!(ask(&b, 9), dealt, "its answer was lost");
    b.received += 3;
    let (rest, last) = (ask(&b, 9), Grant::Wait(Duration::from_millis(50)));
    assert_eq!(
        (&rest[..2], rest[2..].to_vec()),
        (&batches(&[70, 90])[..], vec![last])
    );
    assert_eq!(ask(&a, 0), batches(&[0]), "0 is taken as 1");
}
