//! Every point as a table: a row an episode of training, and a row an evaluation.

use crate::analysis::Analysis;
use crate::curves::{Axis, Clock, Point, Source, points};
use crate::error::ReportError;
use crate::run::Run;
use crate::study::Study;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use std::sync::Arc;

/// The columns, in order, and whether they hold words, whole numbers or others.
const COLUMNS: [(&str, Kind); 12] = [
    ("run", Kind::Word),
    ("variant", Kind::Word),
    ("panel", Kind::Word),
    ("env", Kind::Word),
    ("seed", Kind::Whole),
    ("source", Kind::Word),
    ("frames", Kind::Whole),
    ("agent_steps", Kind::Whole),
    ("updates", Kind::Number),
    ("wall_s", Kind::Number),
    ("return", Kind::Number),
    ("mean_return", Kind::Number),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Whole,
    Number,
}

impl Source {
    fn word(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Evaluation => "evaluation",
        }
    }
}

/// A run's points of one source, with its clocks.
struct Part<'a> {
    run: &'a Run,
    source: Source,
    points: Vec<Point>,
    updates: Clock,
    wall: Clock,
}

fn parts<'a>(study: &'a Study, analysis: &Analysis) -> impl Iterator<Item = Part<'a>> {
    let window = analysis.window;
    let sources = |run| [Source::Training, Source::Evaluation].map(|source| (run, source));
    study.runs.iter().flat_map(sources).map(move |(run, source)| Part {
        run,
        source,
        points: points(run, source, window),
        updates: Clock::new(run, Axis::Updates),
        wall: Clock::new(run, Axis::Wall),
    })
}

impl Part<'_> {
    fn word(&self, column: usize) -> &str {
        let run = self.run;
        [&run.name, &run.variant, &run.panel, &run.config.env, "", self.source.word()][column]
    }

    fn whole(&self, column: usize, point: &Point) -> u64 {
        match column {
            4 => self.run.config.seed,
            6 => point.frames,
            _ => point.agent_steps,
        }
    }

    fn number(&self, column: usize, point: &Point) -> f64 {
        match column {
            8 => self.updates.at(point.agent_steps),
            9 => self.wall.at(point.agent_steps),
            10 => point.value,
            _ => point.mean,
        }
    }
}

/// As comma-separated values.
pub(crate) fn csv(study: &Study, analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    let failed =
        |error: csv::Error| ReportError::Encode { what: "table of points", reason: error.to_string() };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.map(|(name, _)| name)).map_err(failed)?;
    for part in parts(study, analysis) {
        for point in &part.points {
            let cells = COLUMNS.iter().enumerate().map(|(column, (_, kind))| match kind {
                Kind::Word => part.word(column).to_owned(),
                Kind::Whole => part.whole(column, point).to_string(),
                Kind::Number => part.number(column, point).to_string(),
            });
            writer.write_record(cells).map_err(failed)?;
        }
    }
    writer
        .into_inner()
        .map_err(|error| ReportError::Encode { what: "table of points", reason: error.to_string() })
}

/// As Parquet.
pub(crate) fn parquet(study: &Study, analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    let written = || -> parquet::errors::Result<Vec<u8>> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let mut file = SerializedFileWriter::new(Vec::new(), schema()?, Arc::new(properties))?;
        let parts: Vec<Part> = parts(study, analysis).filter(|part| !part.points.is_empty()).collect();
        let mut group = file.next_row_group()?;
        for (column, (_, kind)) in COLUMNS.iter().enumerate() {
            // There are as many columns as the schema has.
            let Some(mut writer) = group.next_column()? else { break };
            for part in &parts {
                let points = part.points.iter();
                match kind {
                    Kind::Word => {
                        let words = vec![ByteArray::from(part.word(column)); part.points.len()];
                        writer.typed::<ByteArrayType>().write_batch(&words, None, None)?;
                    }
                    Kind::Whole => {
                        let values: Vec<i64> = points.map(|point| part.whole(column, point) as i64).collect();
                        writer.typed::<Int64Type>().write_batch(&values, None, None)?;
                    }
                    Kind::Number => {
                        let values: Vec<f64> = points.map(|point| part.number(column, point)).collect();
                        writer.typed::<DoubleType>().write_batch(&values, None, None)?;
                    }
                }
            }
            writer.close()?;
        }
        group.close()?;
        file.into_inner()
    };
    written().map_err(|error| ReportError::Encode { what: "table of points", reason: error.to_string() })
}

fn schema() -> parquet::errors::Result<TypePtr> {
    let field = |(name, kind): &(&str, Kind)| {
        let physical = match kind {
            Kind::Word => Physical::BYTE_ARRAY,
            Kind::Whole => Physical::INT64,
            Kind::Number => Physical::DOUBLE,
        };
        let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
        let logical = (*kind == Kind::Word).then_some(LogicalType::String);
        field.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = COLUMNS.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Type::group_type_builder("points").with_fields(fields).build()?))
}
