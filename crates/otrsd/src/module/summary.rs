//! The Summary: the tables that a module shows on the console.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One table of a module. Its JSON form has the keys of the original's Summary hash.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Summary {
    /// The line above the table.
    pub header: String,
    /// The columns, from left to right.
    #[serde(rename = "Column", default)]
    pub columns: Vec<Column>,
    /// The rows: column name → text. A missing cell is empty.
    #[serde(rename = "Data", default)]
    pub rows: Vec<BTreeMap<String, String>>,
    /// Shown in place of the table when there are no rows.
    #[serde(default)]
    pub no_data_message: String,
}

/// One column of a [`Summary`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Column {
    /// The key of the column's cells.
    pub name: String,
    /// The text in the table's head.
    pub display_name: String,
    /// The suggested width in characters for displays of a fixed width. The console fits columns to their cells.
    #[serde(default)]
    pub size: u16,
}

impl Column {
    /// Creates a column.
    pub fn new(name: &str, display_name: &str, size: u16) -> Self {
        Self { name: name.to_owned(), display_name: display_name.to_owned(), size }
    }
}
