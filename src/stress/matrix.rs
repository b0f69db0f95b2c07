//! The matrix: under which conditions which method trains under which consistency, and as which job.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use thalweg_common::physics::{Bandwidth, Conditions, Distribution, LinkPhysics, Share, Straggler};

/// When workers wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// All wait for all.
    Bsp,
    /// At most a lag ahead.
    Ssp,
    /// Nobody waits.
    Asp,
}

impl Consistency {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bsp, Self::Ssp, Self::Asp];

    fn word(self) -> &'static str {
        match self {
            Self::Bsp => "bsp",
            Self::Ssp => "ssp",
            Self::Asp => "asp",
        }
    }

    /// How many iterations one may be ahead of the slowest, where SSP permits `lag`; `None`: any number.
    #[must_use]
    pub fn lag(self, lag: u64) -> Option<u64> {
        match self {
            Self::Bsp => Some(0),
            Self::Ssp => Some(lag),
            Self::Asp => None,
        }
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Consistency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|this| this.word() == text);
        found.ok_or_else(|| "expected bsp, ssp or asp".to_owned())
    }
}

/// A value of an axis on which `none` is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Maybe<T>(pub Option<T>);

impl<T: FromStr> FromStr for Maybe<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        match text {
            "none" => Ok(Self(None)),
            some => some.parse().map(|some| Self(Some(some))),
        }
    }
}

/// How much is run where no axis is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As little as shows that everything runs.
    Quick,
    /// What finishes in minutes.
    Usual,
    /// Eight latencies, four methods, three consistencies.
    Full,
}

/// What was named of each axis; of an axis on which nothing was, there is one neutral value.
#[derive(Clone, Debug, Default)]
pub struct Axes {
    /// One-way latencies.
    pub latencies: Vec<Distribution>,
    /// What is added to them.
    pub jitters: Vec<Distribution>,
    /// Of each direction of each link.
    pub bandwidths: Vec<Maybe<Bandwidth>>,
    /// Shares of the messages that are lost and sent again.
    pub losses: Vec<Share>,
    /// Slow machines.
    pub stragglers: Vec<Maybe<Straggler>>,
    /// Shares of the acknowledgements of pushes that workers throw away.
    pub drop_acks: Vec<Share>,
}

/// The conditions of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) latency: Distribution,
    pub(super) jitter: Distribution,
    pub(super) bandwidth: Option<Bandwidth>,
    pub(super) loss: Share,
    pub(super) straggler: Option<Straggler>,
    pub(super) drop_acks: Share,
}

impl Place {
    fn at(latency: &str) -> Self {
        Self {
            latency: known(latency),
            ..Self::default()
        }
    }

    pub(super) fn conditions(&self) -> Conditions {
        Conditions {
            link: LinkPhysics {
                latency: self.latency,
                jitter: self.jitter,
                bandwidth: self.bandwidth,
                loss: self.loss,
            },
            stragglers: self.straggler.into_iter().collect(),
            ..Conditions::default()
        }
    }

    /// The same as flags of `thalweg train`.
    pub(super) fn flags(&self) -> Vec<String> {
        let share = |share: Share| (0.0 < share.get()).then(|| share.to_string());
        let delay = |delay: Distribution| (!delay.is_zero()).then(|| delay.to_string());
        let given = [
            ("--latency", delay(self.latency)),
            ("--jitter", delay(self.jitter)),
            ("--bandwidth", self.bandwidth.map(|rate| rate.to_string())),
            ("--loss", share(self.loss)),
            ("--straggler", self.straggler.map(|slow| slow.to_string())),
            ("--drop-acks", share(self.drop_acks)),
        ];
        let given = given
            .into_iter()
            .filter_map(|(flag, value)| Some((flag, value?)));
        given
            .flat_map(|(flag, value)| [flag.to_owned(), value])
            .collect()
    }

    /// In words; `nothing` where nothing was asked for.
    pub(super) fn words(&self) -> String {
        let flags = self.flags();
        let pairs = flags.chunks(2).map(|pair| {
            let name = pair[0].trim_start_matches('-').replace('-', " ");
            format!("{name} {}", pair[1])
        });
        let words: Vec<_> = pairs.collect();
        match words.is_empty() {
            true => "nothing".to_owned(),
            false => words.join(", "),
        }
    }

    /// Whether nothing but a latency was asked for.
    pub(super) fn is_latency_alone(&self) -> bool {
        let alone = Self {
            latency: self.latency,
            ..Self::default()
        };
        *self == alone
    }

    /// From a question to its answer, without what serving it takes.
    pub(super) fn round_trip(&self) -> Duration {
        (self.latency.mean() + self.jitter.mean()) * 2
    }
}

/// One training of the matrix.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) place: Place,
    pub(super) method: String,
    pub(super) consistency: Consistency,
}

impl Cell {
    /// Its name, and that of its run folder.
    pub(super) fn name(&self, number: usize) -> String {
        format!("{number:03}-{}-{}", self.method, self.consistency)
    }
}

/// Methods of the usual matrix, of which the first two count pushes.
const USUAL_METHODS: [&str; 2] = ["downpour", "async_diloco"];

/// Methods of the whole matrix.
const FULL_METHODS: [&str; 4] = [
    "downpour",
    "async_diloco",
    "adaptive_revision",
    "dc_asgd_constant",
];

/// Latencies of the whole matrix, one way.
const FULL_LATENCIES: [&str; 8] = [
    "0ms", "5ms", "10ms", "25ms", "50ms", "100ms", "200ms", "500ms",
];

/// Every cell that is to be run. A place at which nobody else counts pushes gets a cell that does.
pub(super) fn cells(
    extent: Extent,
    axes: &Axes,
    methods: &[String],
    consistencies: &[Consistency],
) -> Vec<Cell> {
    let consistencies = match (consistencies.is_empty(), extent) {
        (false, _) => consistencies.to_vec(),
        (true, Extent::Quick) => vec![Consistency::Bsp, Consistency::Asp],
        (true, _) => Consistency::ALL.to_vec(),
    };
    let named = |usual: &[&str]| -> Vec<String> {
        match methods.is_empty() {
            true => usual.iter().map(|name| (*name).to_owned()).collect(),
            false => methods.to_vec(),
        }
    };
    let mut cells: Vec<Cell> = Vec::new();
    let mut add = |places: &[Place], methods: &[String]| {
        for place in places {
            for method in methods {
                cells.extend(consistencies.iter().map(|consistency| Cell {
                    place: *place,
                    method: method.clone(),
                    consistency: *consistency,
                }));
            }
        }
    };
    if axes.are_named() {
        let usual: &[&str] = match extent {
            Extent::Full => &FULL_METHODS,
            Extent::Quick | Extent::Usual => &USUAL_METHODS,
        };
        add(&axes.places(), &named(usual));
    } else {
        match extent {
            Extent::Quick => add(&quick_places(), &named(&USUAL_METHODS[..1])),
            Extent::Usual => {
                add(&["0ms", "25ms"].map(Place::at), &named(&USUAL_METHODS));
                add(&faults(), &named(&USUAL_METHODS[..1]));
            }
            Extent::Full => {
                add(&FULL_LATENCIES.map(Place::at), &named(&FULL_METHODS));
                add(&faults(), &named(&USUAL_METHODS[..1]));
            }
        }
    }
    with_counting(&cells)
}

/// Adds a cell that counts where there is none with the same conditions and consistency.
fn with_counting(cells: &[Cell]) -> Vec<Cell> {
    let mut all: Vec<Cell> = Vec::new();
    for cell in cells {
        let counting = Cell {
            method: USUAL_METHODS[0].to_owned(),
            ..cell.clone()
        };
        let same = |other: &Cell| {
            (other.place, other.consistency) == (cell.place, cell.consistency)
                && Counting::of(&other.method) == Counting::Pushes
        };
        if !cells.iter().any(same) && !all.contains(&counting) {
            all.push(counting);
        }
        if !all.contains(cell) {
            all.push(cell.clone());
        }
    }
    all
}

/// One fault after the other, beside a latency that every network between machines has.
fn faults() -> [Place; 5] {
    let place = Place::at("10ms");
    [
        Place {
            jitter: known("exponential:10ms"),
            ..place
        },
        Place {
            bandwidth: Some(known("20mbit")),
            ..place
        },
        Place {
            loss: known("1%"),
            ..place
        },
        Place {
            straggler: Some(known("1:4x")),
            ..place
        },
        Place {
            drop_acks: known("20%"),
            ..place
        },
    ]
}

fn quick_places() -> [Place; 2] {
    let place = Place::at("2ms");
    [
        place,
        Place {
            loss: known("0.2%"),
            drop_acks: known("20%"),
            ..place
        },
    ]
}

/// A specification of ours.
fn known<T: FromStr<Err: fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a specification of this file is right")
}

impl Axes {
    fn are_named(&self) -> bool {
        !(self.latencies.is_empty()
            && self.jitters.is_empty()
            && self.bandwidths.is_empty()
            && self.losses.is_empty()
            && self.stragglers.is_empty()
            && self.drop_acks.is_empty())
    }

    /// Every value of an axis with every one of the others.
    fn places(&self) -> Vec<Place> {
        let mut places = vec![Place::default()];
        cross(&mut places, &self.latencies, |place, value| {
            place.latency = value;
        });
        cross(&mut places, &self.jitters, |place, value| {
            place.jitter = value;
        });
        cross(&mut places, &self.bandwidths, |place, value| {
            place.bandwidth = value.0;
        });
        cross(&mut places, &self.losses, |place, value| place.loss = value);
        cross(&mut places, &self.stragglers, |place, value| {
            place.straggler = value.0;
        });
        cross(&mut places, &self.drop_acks, |place, value| {
            place.drop_acks = value;
        });
        places
    }
}

fn cross<T: Copy>(places: &mut Vec<Place>, values: &[T], set: impl Fn(&mut Place, T)) {
    if values.is_empty() {
        return;
    }
    let each = places.iter().flat_map(|place| {
        values.iter().map(|value| {
            let mut place = *place;
            set(&mut place, *value);
            place
        })
    });
    *places = each.collect();
}

/// What the counters of a method's run count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Counting {
    /// Every iteration of every worker whose push was applied.
    Pushes,
    /// Every round: a mean of equal gradients is one of them.
    Rounds,
    /// Nothing that could be compared: the rule is no sum of gradients. The cell of `downpour` under the same
    /// conditions and consistency counts.
    Elsewhere,
}

impl Counting {
    pub(super) fn of(method: &str) -> Self {
        match method {
            "downpour" | "async_diloco" => Self::Pushes,
            "synchronous" | "local_sgd" => Self::Rounds,
            _ => Self::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(extent: Extent, axes: &Axes, methods: &[&str]) -> Vec<Cell> {
        let methods: Vec<_> = methods.iter().map(|name| (*name).to_owned()).collect();
        cells(extent, axes, &methods, &[])
    }

    #[test]
    fn the_whole_matrix_has_eight_latencies_four_methods_and_three_consistencies() {
        let all = run(Extent::Full, &Axes::default(), &[]);
        let plain = all.iter().filter(|cell| cell.place.is_latency_alone());
        assert_eq!(plain.count(), 8 * 4 * 3);
        let longest = all.iter().map(|cell| cell.place.latency.mean()).max();
        assert_eq!(longest, Some(Duration::from_millis(500)));
        for fault in faults() {
            assert!(all.iter().any(|cell| cell.place == fault), "{fault:?}");
        }
    }

    #[test]
    fn named_axes_are_multiplied_and_nothing_else_is_run() {
        let axes = Axes {
            latencies: vec![known("0ms"), known("20ms")],
            stragglers: vec![Maybe(None), Maybe(Some(known("1:4x")))],
            ..Axes::default()
        };
        let all = run(Extent::Usual, &axes, &["downpour"]);
        assert_eq!(all.len(), 2 * 2 * 3);
        let words: Vec<_> = all.iter().map(|cell| cell.place.words()).collect();
        assert_eq!(words[0], "nothing");
        assert_eq!(words[11], "latency 20ms, straggler 1:4x");
    }

    #[test]
    fn where_a_rule_cannot_count_another_cell_does() {
        let axes = Axes {
            latencies: vec![known("20ms")],
            ..Axes::default()
        };
        let all = run(Extent::Usual, &axes, &["adaptive_revision"]);
        let names: Vec<_> = all.iter().map(|cell| cell.name(7)).collect();
        assert_eq!(
            names,
            [
                "007-downpour-bsp",
                "007-adaptive_revision-bsp",
                "007-downpour-ssp",
                "007-adaptive_revision-ssp",
                "007-downpour-asp",
                "007-adaptive_revision-asp"
            ]
        );
        assert_eq!(run(Extent::Usual, &axes, &["async_diloco"]).len(), 3);
    }

    #[test]
    fn what_is_said_of_a_place_is_what_train_is_told() {
        let place = Place {
            drop_acks: known("25%"),
            bandwidth: Some(known("100mbit")),
            ..Place::at("5ms")
        };
        let flags = [
            "--latency",
            "5ms",
            "--bandwidth",
            "100mbit",
            "--drop-acks",
            "25%",
        ];
        assert_eq!(place.flags(), flags);
        assert_eq!(
            place.words(),
            "latency 5ms, bandwidth 100mbit, drop acks 25%"
        );
        assert!(!place.is_latency_alone());
        assert_eq!(place.round_trip(), Duration::from_millis(10));
        assert!(
            "any"
                .parse::<Consistency>()
                .unwrap_err()
                .contains("bsp, ssp or asp")
        );
    }
}
