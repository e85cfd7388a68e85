//! Exposition: all families of a registry, written in one of the formats into a buffer that is handed out as it fills.
//!
//! A scrape is one [`Exposition`]. It is made of a [`Plan`], which says what there is to be written in which order, and an
//! encoder, and pulls: a cursor (family, source, child) goes on as far as the buffer reaches. Nothing is rendered ahead of
//! its reader, and nothing is kept behind him.

mod accept;
mod fault;
mod foreign;
mod number;
mod plan;
mod protobuf;
mod stream;
mod text;

pub(crate) use accept::{Format, accepted_format, accepts_gzip};
pub(crate) use fault::Fault;
pub(crate) use plan::{Filter, Plan};
pub(crate) use stream::Stream;

use crate::exposition::plan::Part;
use crate::family::{Kind, LabelValue, Value};
use protobuf::Protobuf;
use text::Text;

/// How much of a buffer is filled before it is handed out. The last child may reach beyond: a few series, which are some
/// kilobytes, or one with a label value of any length.
const FULL: usize = 64 * 1024;

/// What a scrape writes: the value that flows from the request to the last byte of the response.
pub(crate) struct Exposition {
    plan: Plan,
    encoder: Encoder,
    at: Cursor,
}

/// The next child to be written.
#[derive(Default)]
struct Cursor {
    family: usize,
    part: usize,
    child: usize,
    /// The encoder has been told of the family.
    begun: bool,
    ended: bool,
}

impl Exposition {
    pub(crate) fn new(plan: Plan, format: Format) -> Self {
        Self { plan, encoder: Encoder::new(format), at: Cursor::default() }
    }

    /// Adds to `buffer` until it is full; false when that was the last of it.
    pub(crate) fn fill(&mut self, buffer: &mut Vec<u8>) -> bool {
        let Self { plan, encoder, at } = self;
        while let Some(family) = plan.families.get(at.family) {
            if !at.begun {
                encoder.begin(&family.header);
                at.begun = true;
            }
            while let Some(part) = family.parts.get(at.part) {
                let children = part.children();
                while at.child < children {
                    if buffer.len() >= FULL {
                        encoder.pause(buffer);
                        return true;
                    }
                    write(encoder, part, at.child, buffer);
                    at.child += 1;
                }
                at.part += 1;
                at.child = 0;
            }
            encoder.pause(buffer);
            *at = Cursor { family: at.family + 1, ..Cursor::default() };
        }
        if !at.ended {
            encoder.end(buffer);
            at.ended = true;
        }
        false
    }
}

fn write(encoder: &mut Encoder, part: &Part, child: usize, buffer: &mut Vec<u8>) {
    match part {
        Part::Own { source, snapshot, family } => {
            let declared = &source.families()[*family];
            let further = snapshot.labels(*family, child);
            snapshot.read(*family, child, &mut |values, value| {
                let own = declared.labels.iter().copied().zip(values.iter().copied());
                let common = declared.const_labels.iter().map(|(name, value)| (name.as_str(), LabelValue::any(value)));
                encoder.series(buffer, own.chain(common).chain(further.iter()), value, None);
            });
        }
        Part::Foreign { kind, metrics } => {
            let metric = &metrics[child];
            let labels = metric.get_label().iter().map(|label| (label.name(), LabelValue::any(label.value())));
            let time = Some(metric.timestamp_ms()).filter(|time| *time != 0);
            foreign::value(*kind, metric, |value| encoder.series(buffer, labels, value, time));
        }
    }
}

/// What the encoders are told of a family, besides its series.
pub(crate) struct Header {
    /// As registered.
    name: String,
    help: String,
    kind: Kind,
    /// The last label of a family of [`Value::Counters`].
    last_label: &'static str,
}

impl Header {
    /// The unit that the name ends in, if it is one of the base units of the Prometheus naming rules.
    fn unit(&self) -> Option<&str> {
        const UNITS: [&str; 9] =
            ["seconds", "celsius", "meters", "bytes", "ratio", "volts", "amperes", "joules", "grams"];
        let (_, last) = self.open_metrics_name().rsplit_once('_')?;
        UNITS.contains(&last).then_some(last)
    }

    /// A counter whose name ends as OpenMetrics wants it.
    fn is_total(&self) -> bool {
        self.kind == Kind::Counter && self.name.ends_with(TOTAL) && self.name != TOTAL
    }

    /// The name of the family in OpenMetrics, where `_total` belongs to a counter's sample.
    fn open_metrics_name(&self) -> &str {
        if self.is_total() { &self.name[..self.name.len() - TOTAL.len()] } else { &self.name }
    }
}

const TOTAL: &str = "_total";

enum Encoder {
    Text(Text),
    Protobuf(Protobuf),
}

impl Encoder {
    fn new(format: Format) -> Self {
        match format {
            Format::Text => Self::Text(Text::new(false)),
            Format::OpenMetrics => Self::Text(Text::new(true)),
            Format::Protobuf => Self::Protobuf(Protobuf::default()),
        }
    }

    /// The series that follow are of this family.
    fn begin(&mut self, header: &Header) {
        match self {
            Self::Text(text) => text.begin(header),
            Self::Protobuf(protobuf) => protobuf.begin(header),
        }
    }

    fn series<'a>(
        &mut self,
        buffer: &mut Vec<u8>,
        labels: impl Iterator<Item = (&'a str, LabelValue<'a>)>,
        value: Value<'_>,
        timestamp_ms: Option<i64>,
    ) {
        match self {
            Self::Text(text) => text.series(buffer, labels, value, timestamp_ms),
            Self::Protobuf(protobuf) => protobuf.series(buffer, labels, value, timestamp_ms),
        }
    }

    /// What is in the buffer is complete in itself.
    fn pause(&mut self, buffer: &mut Vec<u8>) {
        if let Self::Protobuf(protobuf) = self {
            protobuf.end_message(buffer);
        }
    }

    /// After the last family.
    fn end(&mut self, buffer: &mut Vec<u8>) {
        if let Self::Text(text) = self {
            text.end(buffer);
        }
    }
}
