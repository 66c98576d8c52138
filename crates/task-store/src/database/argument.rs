//! What a placeholder stands for: an integer, a text, or a list of either.

/// One argument of a statement.
#[derive(Clone, Debug)]
pub(crate) enum Argument<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
    Owned(String),
    Ints(&'a [i64]),
    Texts(&'a [String]),
}

impl Argument<'_> {
    /// How many values a list has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ints(list) => list.len(),
            Self::Texts(list) => list.len(),
            _ => 1,
        }
    }

    /// The number of a single value.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Int(number) => *number,
            _ => None,
        }
    }

    /// The text of a single value.
    pub(super) fn string(&self) -> Option<&str> {
        match self {
            Self::Text(text) => *text,
            Self::Owned(text) => Some(text),
            _ => None,
        }
    }
}

impl From<i64> for Argument<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Argument<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl<'a> From<&'a str> for Argument<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Argument<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<String> for Argument<'_> {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}

impl<'a> From<Option<&'a str>> for Argument<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [i64]> for Argument<'a> {
    fn from(list: &'a [i64]) -> Self {
        Self::Ints(list)
    }
}

impl<'a> From<&'a Vec<i64>> for Argument<'a> {
    fn from(list: &'a Vec<i64>) -> Self {
        Self::Ints(list)
    }
}

impl<'a> From<&'a [String]> for Argument<'a> {
    fn from(list: &'a [String]) -> Self {
        Self::Texts(list)
    }
}
