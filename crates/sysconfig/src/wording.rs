//! The wording of the parser's errors: what was found, what was expected, at which position of the text.

use roxmltree::Error;

use crate::error::Fault;
use crate::position::Lines;

/// The fault behind an error of the parser in `text`.
pub(crate) fn fault_of(error: &Error, text: &str) -> Fault {
    let place = error.pos();
    let at = Lines::new(text).offset(place.row, place.col);
    let found = text[at..].chars().next().map_or("the end".to_owned(), |c| format!("{c:?}"));
    let what = match error {
        Error::InvalidChar(expected, _, _) => {
            format!("found {found}; expected {:?}", char::from(*expected))
        }
        Error::InvalidChar2(expected, _, _) => format!("found {found}; expected {expected}"),
        Error::InvalidString(expected, _) => format!("found {found}; expected {expected:?}"),
        Error::InvalidName(_) => format!("found {found}; expected a name"),
        Error::NonXmlChar(c, _) => {
            format!("found the character U+{:04X}, which XML forbids", u32::from(*c))
        }
        Error::DuplicatedAttribute(name, _) => {
            format!("found {name} twice in one tag; expected it once")
        }
        Error::MalformedEntityReference(_) => {
            "found & without a name and ; after it; expected &amp; for the character itself"
                .to_owned()
        }
        Error::UnknownEntityReference(name, _) => format!(
            "found &{name}; which is not known; expected &amp; &lt; &gt; &quot; &apos; or a number (&#160;)"
        ),
        Error::InvalidCharacterData(_) => "found ]]> in a text; expected ]]&gt;".to_owned(),
        Error::UnexpectedDeclaration(_) => {
            "found <?xml …?> within the file; expected it only at the start".to_owned()
        }
        Error::UnknownNamespace(prefix, _) => {
            format!("found the prefix {prefix}: without its xmlns; expected a name without prefix")
        }
        other => {
            let text = other.to_string();
            text.strip_suffix(&format!(" at {place}")).unwrap_or(&text).to_owned()
        }
    };
    Fault::new(at, what)
}
