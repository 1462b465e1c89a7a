//! Tables as other programs read them: comma-separated values, and Parquet.

use crate::error::ReportError;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result as ParquetResult;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use std::sync::Arc;

/// Cells of a column, from top to bottom.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Words; the same word many times costs little.
    Words(Vec<Arc<str>>),
    /// Whole numbers.
    Whole(Vec<u64>),
    /// Numbers; those that are not finite, or not there, are `None`.
    Numbers(Vec<Option<f64>>),
}

/// Named columns of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Column)>,
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Words(cells) => cells.len(),
            Self::Whole(cells) => cells.len(),
            Self::Numbers(cells) => cells.len(),
        }
    }

    fn text(&self, row: usize) -> String {
        match self {
            Self::Words(cells) => cells[row].to_string(),
            Self::Whole(cells) => cells[row].to_string(),
            Self::Numbers(cells) => cells[row].map_or(String::new(), |number| number.to_string()),
        }
    }
}

impl Table {
    /// Adds a column, as long as those before it: cells beyond them are cut, and a shorter one shortens the table.
    pub fn push(&mut self, name: impl Into<String>, column: Column) {
        self.columns.push((name.into(), column));
    }

    /// Rows of it.
    pub fn rows(&self) -> usize {
        self.columns.iter().map(|(_, column)| column.len()).min().unwrap_or(0)
    }

    /// Comma-separated values with a head line; what is not there is empty.
    ///
    /// # Errors
    /// None that a table has a reason for.
    pub fn csv(&self) -> Result<Vec<u8>, ReportError> {
        let written = || -> csv::Result<Vec<u8>> {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(self.columns.iter().map(|(name, _)| name))?;
            for row in 0..self.rows() {
                writer.write_record(self.columns.iter().map(|(_, column)| column.text(row)))?;
            }
            writer.into_inner().map_err(|error| error.into_error().into())
        };
        written().map_err(encode)
    }

    /// Parquet, compressed with Snappy, one row group.
    ///
    /// # Errors
    /// None that a table has a reason for.
    pub fn parquet(&self) -> Result<Vec<u8>, ReportError> {
        let rows = self.rows();
        let written = || -> ParquetResult<Vec<u8>> {
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let mut file = SerializedFileWriter::new(Vec::new(), self.schema()?, Arc::new(properties))?;
            let mut group = file.next_row_group()?;
            for (_, column) in &self.columns {
                // There are as many columns as the schema has.
                let Some(mut writer) = group.next_column()? else { break };
                match column {
                    Column::Words(cells) => put_words(&mut writer, &cells[..rows])?,
                    Column::Whole(cells) => {
                        let cells: Vec<i64> = cells[..rows].iter().map(|number| *number as i64).collect();
                        put::<Int64Type>(&mut writer, &cells, None)?;
                    }
                    Column::Numbers(cells) => {
                        let present: Vec<f64> = cells[..rows].iter().flatten().copied().collect();
                        let levels: Vec<i16> =
                            cells[..rows].iter().map(|number| i16::from(number.is_some())).collect();
                        put::<DoubleType>(&mut writer, &present, Some(&levels))?;
                    }
                }
                writer.close()?;
            }
            group.close()?;
            file.into_inner()
        };
        written().map_err(encode)
    }

    fn schema(&self) -> ParquetResult<TypePtr> {
        let field = |(name, column): &(String, Column)| {
            let (physical, repetition, logical) = match column {
                Column::Words(_) => (Physical::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String)),
                Column::Whole(_) => (Physical::INT64, Repetition::REQUIRED, None),
                Column::Numbers(_) => (Physical::DOUBLE, Repetition::OPTIONAL, None),
            };
            let field = Type::primitive_type_builder(name, physical).with_repetition(repetition);
            field.with_logical_type(logical).build().map(Arc::new)
        };
        let fields = self.columns.iter().map(field).collect::<ParquetResult<Vec<_>>>()?;
        Ok(Arc::new(Type::group_type_builder("table").with_fields(fields).build()?))
    }
}

fn put_words(writer: &mut SerializedColumnWriter<'_>, cells: &[Arc<str>]) -> ParquetResult<()> {
    // Rows of one run follow one another with the same word: it becomes bytes once.
    for same in cells.chunk_by(Arc::ptr_eq) {
        put::<ByteArrayType>(writer, &vec![ByteArray::from(&*same[0]); same.len()], None)?;
    }
    Ok(())
}

fn put<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> ParquetResult<()> {
    writer.typed::<T>().write_batch(values, levels, None).map(drop)
}

fn encode(error: impl std::fmt::Display) -> ReportError {
    ReportError::Encode { what: "table", reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn what_is_written_comes_back() {
        let mut table = Table::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a, \"b\"".into(), "c".into());
        table.push("word", Column::Words(vec![a.clone(), a, b]));
        table.push("whole", Column::Whole(vec![1, 2, 1 << 40]));
        table.push("number", Column::Numbers(vec![Some(0.1), None, Some(-3.0)]));
        let csv = String::from_utf8(table.csv().unwrap()).unwrap();
        assert_eq!(
            csv,
            "word,whole,number\n\"a, \"\"b\"\"\",1,0.1\n\"a, \"\"b\"\"\",2,\nc,1099511627776,-3\n"
        );
        let file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut &file, &table.parquet().unwrap()).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<String> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(rows[1], "{word: \"a, \"b\"\", whole: 2, number: null}");
        assert!(rows[2].contains("1099511627776") && rows.len() == 3, "{rows:?}");
    }

    #[test]
    fn a_table_without_rows_is_a_table() {
        let mut table = Table::default();
        table.push("x", Column::Numbers(Vec::new()));
        assert_eq!(table.csv().unwrap(), b"x\n");
        assert!(!table.parquet().unwrap().is_empty());
    }
}
