//! Many rows in few statements: arrays on PostgreSQL, rows of placeholders on the others.

use crate::database::error::Result;
use crate::database::{Argument, Connection, Dialect};

/// What a column takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    Int,
    Text,
    Time,
}

/// An INSERT of any number of rows: `into` is the table with its columns.
#[derive(Clone, Copy)]
pub(crate) struct Insert {
    pub(crate) into: &'static str,
    pub(crate) columns: &'static [Column],
    /// What happens to a row that is there already, on SQLite and PostgreSQL, and on MariaDB; nothing stands
    /// for an error.
    pub(crate) conflict: [&'static str; 2],
}

/// A row that is there already is an error.
pub(crate) const ONCE: [&str; 2] = ["", ""];

/// The most rows of a statement of placeholders. Smaller ones have a power of two: few statements to prepare,
/// and few to send for any number of rows.
const MAX_ROWS: usize = 256;

impl Insert {
    /// Inserts the rows, whose values are in the order of the columns.
    pub(crate) async fn run(
        self,
        connection: &mut Connection<'_>,
        rows: &[Vec<Argument<'_>>],
    ) -> Result<()> {
        if connection.dialect() == Dialect::Postgres && rows.len() > 1 {
            return self.arrays(connection, rows).await;
        }
        let mut rest = rows;
        while !rest.is_empty() {
            let size = (1 << rest.len().ilog2()).min(MAX_ROWS);
            let (now, later) = rest.split_at(size);
            let sql = format!(
                "INSERT INTO {} VALUES {} {}",
                self.into,
                self.placeholders(connection.dialect(), size),
                self.conflict[usize::from(connection.dialect() == Dialect::MariaDb)],
            );
            let arguments: Vec<Argument<'_>> = now.iter().flatten().cloned().collect();
            connection.execute_text(sql, &arguments).await?;
            rest = later;
        }
        Ok(())
    }

    fn placeholders(self, dialect: Dialect, rows: usize) -> String {
        let row = |_| {
            let values: Vec<&str> = self.columns.iter().map(|_| "?").collect();
            format!("({})", values.join(","))
        };
        if dialect != Dialect::Postgres {
            return (0..rows).map(row).collect::<Vec<_>>().join(",");
        }
        let values = self.columns.iter().enumerate().map(|(position, column)| match column {
            Column::Time => format!("CAST(${} AS timestamp)", position + 1),
            _ => format!("${}", position + 1),
        });
        format!("({})", values.collect::<Vec<_>>().join(","))
    }

    async fn arrays(
        self,
        connection: &mut Connection<'_>,
        rows: &[Vec<Argument<'_>>],
    ) -> Result<()> {
        let mut names = Vec::new();
        let mut arrays = Vec::new();
        let mut values = Vec::new();
        for (position, column) in self.columns.iter().enumerate() {
            let kind = if *column == Column::Int { "bigint" } else { "text" };
            let cast = if *column == Column::Time { "::timestamp" } else { "" };
            names.push(format!("c{position}"));
            values.push(format!("c{position}{cast}"));
            arrays.push(format!("${}::{kind}[]", position + 1));
        }
        let sql = format!(
            "INSERT INTO {} SELECT {} FROM unnest({}) AS rows({}) {}",
            self.into,
            values.join(","),
            arrays.join(","),
            names.join(","),
            self.conflict[0],
        );
        connection.execute_arrays(sql, self.columns, rows).await
    }
}
