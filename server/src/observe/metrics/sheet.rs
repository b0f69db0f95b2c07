//! One family of metrics, and writing it with the library's encoder.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

/// What the numbers of a family do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rise, until the process or the session behind them ends.
    Counter,
    /// Go up and down.
    Gauge,
    /// Count by size.
    Histogram,
    /// Say something in their labels.
    Info,
}

impl Kind {
    fn metric_type(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
            Self::Info => MetricType::Info,
        }
    }
}

/// In what a family is measured: the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// What the name counts.
    Number,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Steps of a shard.
    Steps,
}

impl Measure {
    fn unit(self) -> Option<Unit> {
        match self {
            Self::Number => None,
            Self::Seconds => Some(Unit::Seconds),
            Self::Bytes => Some(Unit::Bytes),
            Self::Steps => Some(Unit::Other("steps".to_owned())),
        }
    }
}

/// A family of metrics.
#[derive(Debug)]
pub(super) struct Family {
    /// Its name, without what goes before and after it.
    pub(super) name: &'static str,
    /// What its numbers do.
    pub(super) kind: Kind,
    /// In what they are measured.
    pub(super) measure: Measure,
    /// What tells its series apart, beside `server`.
    pub(super) labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub(super) help: &'static str,
}

/// The labels of one series, in the order of its family's.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The number of one series.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
    Distribution {
        sum: f64,
        /// The upper bounds, with how many are above the one before; the last is infinite.
        buckets: Vec<(f64, u64)>,
    },
    Observed(Histogram),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<std::time::Duration> for Value {
    fn from(time: std::time::Duration) -> Self {
        Self::Real(time.as_secs_f64())
    }
}

impl From<bool> for Value {
    fn from(is_so: bool) -> Self {
        Self::Whole(is_so.into())
    }
}

/// What families are written to.
pub(super) struct Sheet<'a>(pub(super) DescriptorEncoder<'a>);

impl Sheet<'_> {
    /// Writes a family that has one series.
    pub(super) fn one(&mut self, family: &Family, value: impl Into<Value>) -> fmt::Result {
        self.all(family, [(Vec::new(), value.into())])
    }

    /// Writes a family whose series have one label.
    pub(super) fn by<L: ToString, V: Into<Value>>(
        &mut self,
        family: &Family,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let series = series.into_iter();
        let label = family.labels[0];
        self.all(
            family,
            series.map(|(value, number)| (vec![(label, value.to_string())], number.into())),
        )
    }

    /// Writes a family.
    pub(super) fn all(
        &mut self,
        family: &Family,
        series: impl IntoIterator<Item = (Labels, Value)>,
    ) -> fmt::Result {
        let unit = family.measure.unit();
        let kind = family.kind.metric_type();
        let mut encoder =
            self.0
                .encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
        for (labels, value) in series {
            if family.kind == Kind::Info {
                encoder.encode_info(&labels)?;
                continue;
            }
            let mut encoder = encoder.encode_family(&labels)?;
            match (family.kind, value) {
                (Kind::Counter, Value::Whole(number)) => {
                    encoder.encode_counter::<NoLabelSet, _, f64>(&number, None)?;
                }
                (Kind::Counter, Value::Real(number)) => {
                    encoder.encode_counter::<NoLabelSet, _, f64>(&number, None)?;
                }
                (_, Value::Whole(number)) => encoder.encode_gauge(&number)?,
                (_, Value::Real(number)) => encoder.encode_gauge(&number)?,
                (_, Value::Distribution { sum, buckets }) => {
                    let count = buckets.iter().map(|(_, count)| count).sum();
                    encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
                }
                (_, Value::Observed(histogram)) => histogram.encode(encoder)?,
            }
        }
        Ok(())
    }
}
