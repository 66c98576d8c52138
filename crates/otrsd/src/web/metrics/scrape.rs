//! One scrape, encoded by the library that knows the formats.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

type Labels = Vec<(String, String)>;

/// The maximum number of samples of a family, and of characters of a label's value: neither depends on the rows of the
/// database.
const MOST_SAMPLES: usize = 20_000;
const LONGEST_VALUE: usize = 200;

/// The families of one scrape.
#[derive(Debug, Default)]
pub(super) struct Scrape {
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    samples: Vec<(Labels, Value)>,
}

/// The value of a sample.
#[derive(Debug)]
pub(super) enum Value {
    Gauge(f64),
    Counter(f64),
    Histogram(Histogram),
}

/// The counts for each bound, and the sum in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Histogram {
    /// Bounds in seconds with the count between each bound and the previous one; the last bound is infinite.
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) sum: f64,
}

impl Scrape {
    /// Adds one family: `kind` makes its values. The format appends `_total` to the name of a counter.
    pub(super) fn add<'l, T>(
        &mut self,
        kind: fn(T) -> Value,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (&'l [(&'l str, &'l str)], T)>,
    ) {
        let owned = |labels: &[(&str, &str)]| {
            let cut = |value: &str| value.chars().take(LONGEST_VALUE).collect();
            labels.iter().map(|(name, value)| ((*name).to_owned(), cut(value))).collect()
        };
        let samples = samples.into_iter().take(MOST_SAMPLES);
        let samples = samples.into_iter().map(|(labels, value)| (owned(labels), kind(value)));
        self.families.push(Family { name, help, samples: samples.collect() });
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.families {
            let Some((_, first)) = family.samples.first() else { continue };
            let kind = match first {
                Value::Gauge(_) => MetricType::Gauge,
                Value::Counter(_) => MetricType::Counter,
                Value::Histogram(_) => MetricType::Histogram,
            };
            let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for (labels, value) in &family.samples {
                let mut sample = metric.encode_family(labels)?;
                match value {
                    Value::Gauge(value) => sample.encode_gauge(value)?,
                    Value::Counter(value) => {
                        sample.encode_counter::<NoLabelSet, _, f64>(value, None)?;
                    }
                    Value::Histogram(it) => {
                        let count = it.buckets.iter().map(|(_, count)| count).sum();
                        sample.encode_histogram::<NoLabelSet>(it.sum, count, &it.buckets, None)?;
                    }
                }
            }
        }
        Ok(())
    }
}
