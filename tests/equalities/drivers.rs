//! One worker, overlap off: plain SGD = in virtual time = on threads; n shards on m servers = one
//! shard; the same under BSP with any number of workers.

use std::time::Duration;

use thalweg::job::ResolvedJob;
use thalweg::launch::{InProcess, train_in_process};
use thalweg::simulate::{History, Physics, Simulation};
use thalweg_common::permutation::Permutation;
use thalweg_worker::data::Rows;
use thalweg_worker::model::{Coverage, Located};

use crate::support::{bits, small};

fn simulate(job: &ResolvedJob) -> History {
    let physics = Physics::constant(Duration::from_millis(3), Duration::from_millis(2));
    Simulation::new(job, physics).unwrap().run().unwrap()
}

/// Plain SGD, written as a loop over the same batches.
fn plain_sgd(job: &ResolvedJob) -> Vec<f32> {
    let blueprint = &job.blueprint;
    let (model, data) = (&blueprint.model, &job.data.train);
    let elements = blueprint.map.elements();
    let coverage = Coverage::Whole(elements);
    let mut x = vec![0.0_f32; usize::try_from(elements).unwrap()];
    #[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
    let lr = blueprint.config.optimizer.lr as f32;
    let order = Permutation::new(blueprint.config.seed, 0, data.rows());
    let (mut rows, mut located) = (Rows::new(), Located::default());
    let positions: Vec<u64> = (0..data.rows()).collect();
    for batch in
        positions.chunks(usize::try_from(blueprint.config.train.batch_size.rows()).unwrap())
    {
        let numbers: Vec<u64> = batch.iter().map(|position| order.row(*position)).collect();
        data.fill(&numbers, &mut rows);
        model.locate(&rows, &coverage, &mut located).unwrap();
        let mut gradient = vec![0.0_f32; x.len()];
        model.gradient(&rows, &located, &x, &mut gradient);
        for (x, g) in x.iter_mut().zip(&gradient) {
            *x -= lr * g;
        }
    }
    x
}

/// Momentum that rises along a line from 0.5 to 0.9 over half of the job, with an L2 term on all
/// parameters but the bias, which is the last: written as a loop over the same batches.
fn rising_momentum(job: &ResolvedJob) -> Vec<f32> {
    let (lr, l2) = (0.25_f32, 0.01_f32);
    let blueprint = &job.blueprint;
    let (model, data) = (&blueprint.model, &job.data.train);
    let elements = blueprint.map.elements();
    let coverage = Coverage::Whole(elements);
    let mut x = vec![0.0_f32; usize::try_from(elements).unwrap()];
    let mut v = x.clone();
    let bias = x.len() - 1;
    let order = Permutation::new(blueprint.config.seed, 0, data.rows());
    let (mut rows, mut located) = (Rows::new(), Located::default());
    let positions: Vec<u64> = (0..data.rows()).collect();
    for (step, batch) in (0_u32..).zip(positions.chunks(8)) {
        let numbers: Vec<u64> = batch.iter().map(|position| order.row(*position)).collect();
        data.fill(&numbers, &mut rows);
        model.locate(&rows, &coverage, &mut located).unwrap();
        let mut gradient = vec![0.0_f32; x.len()];
        model.gradient(&rows, &located, &x, &mut gradient);
        let passed = f64::from(8 * step) / 600.0;
        #[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
        let momentum = (0.5 + (0.9 - 0.5) * (passed / 0.5).min(1.0)) as f32;
        for (at, (x, v)) in x.iter_mut().zip(&mut v).enumerate() {
            let pull = if at == bias { 0.0 } else { l2 * *x };
            *v = momentum * *v + (gradient[at] + pull);
            *x -= lr * *v;
        }
    }
    x
}

#[test]
fn a_momentum_that_rises_gives_the_numbers_of_a_loop_that_raises_it() {
    let sets = [
        "optimizer.name=momentum",
        "optimizer.momentum=0.5",
        "optimizer.lr=0.25",
        "regularizer.l2=0.01",
        "schedules.momentum={ name = 'ramp', to = 0.9, over = 0.5 }",
    ];
    let by_hand = rising_momentum(&small(&sets));
    for more in ["cluster.servers=1", "cluster.servers=3", "train.pull=whole"] {
        let job = small(&[&sets[..], &[more]].concat());
        assert_eq!(bits(&simulate(&job).parameters), bits(&by_hand), "{more}");
    }
    let still = simulate(&small(&sets[..4])).parameters;
    assert_ne!(bits(&still), bits(&by_hand));
}

#[test]
fn one_worker_is_plain_sgd() {
    let job = small(&[]);
    assert_eq!(bits(&simulate(&job).parameters), bits(&plain_sgd(&job)));
}

#[test]
fn shards_and_servers_do_not_change_a_bit() {
    let one = bits(&simulate(&small(&[])).parameters);
    for servers in ["cluster.servers=2", "cluster.servers=3"] {
        assert_eq!(
            bits(&simulate(&small(&[servers])).parameters),
            one,
            "{servers}"
        );
    }
    for optimizer in ["momentum", "adagrad", "adam"] {
        let name = format!("optimizer.name={optimizer}");
        let one = simulate(&small(&[&name])).parameters;
        let three = simulate(&small(&[&name, "cluster.servers=3"])).parameters;
        assert_eq!(bits(&one), bits(&three), "{optimizer}");
    }
}

#[test]
fn threads_and_virtual_time_agree_for_one_worker_and_under_bsp() {
    for sets in [
        &["cluster.servers=2"][..],
        &[
            "cluster.servers=2",
            "optimizer.name=adagrad",
            "regularizer.l2=0.01",
        ],
        &[
            "cluster.servers=2",
            "cluster.workers=3",
            "consistency.model=bsp",
        ],
        &[
            "cluster.workers=4",
            "consistency.model=bsp",
            "optimizer.name=adam",
            "optimizer.lr=0.05",
        ],
        &[
            "cluster.servers=2",
            "cluster.workers=3",
            "consistency.model=bsp",
            "optimizer.name=adam",
            "optimizer.lr=0.05",
            "regularizer.l2=0.01",
            "schedules.\"betas[0]\"={ name = 'ramp', to = 0.5 }",
            "schedules.eps={ name = 'step', step_size = 9, unit = 'steps' }",
        ],
    ] {
        let job = small(sets);
        let simulated = simulate(&job).parameters;
        assert_eq!(
            bits(&train_in_process(&job).unwrap()),
            bits(&simulated),
            "{sets:?}"
        );
    }
}

#[test]
fn a_model_and_data_that_a_program_brings_train_as_those_of_a_registry() {
    let cluster = [
        "cluster.servers=2",
        "cluster.workers=3",
        "consistency.model=bsp",
    ];
    let registered = small(&cluster);
    let (data, model) = (&registered.data.train, &registered.blueprint.model);
    let job = "optimizer = { name = \"sgd\", lr = 0.5 }\n method = { overlap = \"off\" }\n \
               train = { batch_size = 8 }\n consistency = { model = \"bsp\" }\n \
               cluster = { servers = 2, workers = 3 }";
    let own = InProcess::new(job, data.clone(), model.clone()).unwrap();
    let trained = own.train().unwrap();
    assert_eq!(trained.examples, registered.blueprint.examples_total());
    let expected = train_in_process(&registered).unwrap();
    assert_eq!(bits(&trained.parameters), bits(&expected));
    // The bias is the last tensor, of one element.
    let bias = trained.tensor("bias").unwrap();
    assert_eq!(bits(bias), bits(&expected[expected.len() - 1..]));
    assert!(trained.tensor("biases").is_none());
}

#[test]
fn the_same_seed_gives_the_same_history_and_another_seed_another() {
    let sets = [
        "cluster.workers=3",
        "cluster.servers=2",
        "method.overlap=full",
    ];
    let (first, again) = (simulate(&small(&sets)), simulate(&small(&sets)));
    assert_eq!(first.trace, again.trace);
    assert_eq!(bits(&first.parameters), bits(&again.parameters));
    let other = simulate(&small(&[&sets[..], &["seed=2"]].concat()));
    assert_ne!(first.trace, other.trace);
}

#[test]
fn feedback_lowers_the_rate_in_every_shard_alike() {
    let sets = [
        "feedback.name=reduce_on_small_change",
        "feedback.every=0.25",
        "feedback.threshold=1000.0",
    ];
    let one = simulate(&small(&sets));
    // Of four looks, the first has nothing to compare with.
    let factor = one.statuses[0].rate_factor;
    assert!((factor - 0.125).abs() < 1e-12, "{factor}");
    let mut three = sets.to_vec();
    three.push("cluster.servers=3");
    let three = simulate(&small(&three));
    assert_eq!(bits(&one.parameters), bits(&three.parameters));
    assert_ne!(
        bits(&one.parameters),
        bits(&simulate(&small(&[])).parameters)
    );
}

#[test]
fn transformed_gradients_are_the_same_on_any_shards_drivers_and_replicas() {
    let list = "gradient.transforms=[{ name = 'clip_by_global_norm', max_norm = 0.2 }, \
                { name = 'gaussian_noise', eta = 0.001 }]";
    let one = simulate(&small(&[list])).parameters;
    assert_ne!(bits(&one), bits(&simulate(&small(&[])).parameters));
    for sets in [
        &[list, "cluster.servers=3"][..],
        &[list, "method.overlap=off", "cluster.servers=2"],
    ] {
        let job = small(sets);
        assert_eq!(bits(&simulate(&job).parameters), bits(&one), "{sets:?}");
        assert_eq!(
            bits(&train_in_process(&job).unwrap()),
            bits(&one),
            "{sets:?}"
        );
    }
    // A list without effect takes its time and changes nothing.
    let idle = "gradient.transforms=[{ name = 'clip_by_value', max_value = 1e9 }]";
    let plain = simulate(&small(&[])).parameters;
    assert_eq!(bits(&simulate(&small(&[idle])).parameters), bits(&plain));
}

#[test]
fn the_noise_of_an_epoch_does_not_depend_on_the_number_of_workers() {
    // Without data there is nothing but noise; SGD then ends at minus the sum of it all.
    let noise = |workers: &str| {
        let sets = [
            "gradient.transforms=[{ name = 'clip_by_value', max_value = 1e-30 }, \
             { name = 'gaussian_noise', eta = 1.0, gamma = 0.0 }]",
            "train.pull=whole",
            "method.local_lr=0",
            workers,
        ];
        simulate(&small(&sets)).parameters
    };
    let (one, three) = (noise("cluster.workers=1"), noise("cluster.workers=3"));
    // The sums run in another order: 75 numbers of size 1, each rounded to 2⁻²⁴ of their sum.
    for (a, b) in one.iter().zip(&three) {
        assert!((a - b).abs() < 1e-4, "{a}, {b}");
    }
    assert!(one.iter().any(|x| x.abs() > 1.0));
}

#[test]
fn a_batch_that_is_accumulated_from_pieces_is_the_batch_bit_for_bit() {
    for sets in [
        &["train.pull=sparse"][..],
        &["train.pull=whole", "cluster.servers=2"],
        &[
            "gradient.transforms=[{ name = 'clip_by_global_norm', max_norm = 0.2 }]",
            "cluster.workers=3",
            "consistency.model=bsp",
        ],
    ] {
        let whole = simulate(&small(sets)).parameters;
        for pieces in ["train.accumulate=3", "train.accumulate=8"] {
            let job = small(&[sets, &[pieces]].concat());
            let found = simulate(&job).parameters;
            assert_eq!(bits(&found), bits(&whole), "{sets:?}, {pieces}");
        }
    }
}

#[test]
fn a_class_without_weight_moves_nothing_and_equal_weights_are_a_rate() {
    let weighted = |weights: &str, lr: &str| {
        let weights = format!("train.class_weight={weights}");
        simulate(&small(&[&weights, lr])).parameters
    };
    let usual = "optimizer.lr=0.5";
    let plain = simulate(&small(&[])).parameters;
    // A power of two rounds nothing.
    let scaled = weighted("{ \"1\" = 0.25, \"-1\" = 0.25 }", "optimizer.lr=2.0");
    assert_eq!(bits(&scaled), bits(&plain));
    assert_eq!(
        bits(&weighted("{ \"1\" = 1.0 }", usual)),
        bits(&plain),
        "a class that is not listed counts 1"
    );
    // All rows that count pull one way: no weight, nor the bias, can grow.
    let negative = weighted("{ \"1\" = 0.0 }", usual);
    assert!(negative.iter().all(|x| *x <= 0.0) && negative.iter().any(|x| *x < 0.0));
    assert_ne!(bits(&weighted("balanced", usual)), bits(&plain));
}
