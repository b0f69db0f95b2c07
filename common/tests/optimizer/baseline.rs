//! What the benchmark divides by computes what the servers' store computes.

use thalweg_common::optimizer::StepContext;

use super::support::{
    Gradient, bits, element_subjects, initial, lr, one_group, seeded, tensor_subjects, values,
};

#[test]
fn the_obvious_loop_gives_the_bits_of_the_store_at_every_length() {
    for subject in element_subjects() {
        for len in 0..=67 {
            let mut rng = seeded(5);
            let mut store = subject.build(&one_group(len, 0.0));
            let first = (0..len).map(initial).collect();
            let mut baseline = subject
                .entry
                .build_baseline(&subject.settings, first)
                .unwrap()
                .expect("the rule sees one parameter at a time");
            for count in 1..=4 {
                let gradient = values(&mut rng, len);
                let context = StepContext {
                    lr: lr(count),
                    share: 1.0,
                    count,
                    progress: 0,
                    staleness: 0,
                    worker: u32::try_from(count % 3).unwrap(),
                };
                baseline.step(&context, &gradient);
                Gradient::Dense {
                    start: 0,
                    values: gradient,
                }
                .apply(store.as_mut(), count);
            }
            let obvious: Vec<Vec<u32>> = baseline
                .columns()
                .iter()
                .map(|column| column.iter().map(|value| value.to_bits()).collect())
                .collect();
            assert_eq!(obvious, bits(store.as_mut()), "{subject} of {len}");
        }
    }
}

#[test]
fn a_rule_of_whole_tensors_has_no_obvious_loop() {
    for subject in tensor_subjects() {
        let baseline = subject
            .entry
            .build_baseline(&subject.settings, vec![1.0; 8]);
        assert!(baseline.unwrap().is_none(), "{subject}");
    }
}
