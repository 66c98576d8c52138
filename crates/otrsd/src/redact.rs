//! The redaction of secrets in a text: known secrets, and values in the places where a secret is expected.

use serde_json::Value;
use task_store::{Payload, Shape};

const MASK: &str = "***";
/// Shorter secrets would also redact ordinary words.
const SHORTEST: usize = 4;

/// The text without `known` secrets, without the values of names like `Password`, and without the users of URLs.
pub(crate) fn redact(text: &str, known: &[&str]) -> String {
    let mut masked = text.to_owned();
    for secret in known.iter().filter(|it| it.chars().count() >= SHORTEST) {
        masked = masked.replace(secret, MASK);
    }
    let masked: Vec<String> = masked.split('\n').map(line).collect();
    without_users(&masked.join("\n"))
}

/// The text without the user and password of each URL.
pub(crate) fn without_users(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let ends =
            |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>');
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        out.push_str(before);
        out.push_str("://");
        rest = after;
        if let Some(at) = authority.rfind('@') {
            out.push_str(MASK);
            rest = &after[at..];
        }
    }
    out.push_str(rest);
    out
}

/// Like [`redact`], for secrets in data that are recognized by their names: the texts and numbers below such keys are
/// redacted, at every depth. Everything else stays as it is written.
pub(crate) fn redact_data(data: &Payload) -> Payload {
    masked(data.text()).parse().unwrap_or_default()
}

fn masked(json: &str) -> String {
    match Shape::of(json) {
        Ok(Shape::Object(members)) => {
            let members = members.iter().map(|(key, value)| {
                let is_plain =
                    value.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
                let value = if is_plain && is_secret(key) { quoted(MASK) } else { masked(value) };
                format!("{}:{value}", quoted(key))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Ok(Shape::Array(parts)) => {
            format!("[{}]", parts.into_iter().map(masked).collect::<Vec<_>>().join(","))
        }
        Ok(Shape::Text(text)) => {
            let shown = redact(&text, &[]);
            if shown == text { json.to_owned() } else { quoted(&shown) }
        }
        Ok(_) => json.to_owned(),
        // Not Unicode, so it cannot be examined.
        Err(_) => quoted(MASK),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn line(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, value)) = next(rest) {
        let length = value_length(value);
        out.push_str(before);
        if length == 0 {
            rest = value;
            continue;
        }
        out.push_str(MASK);
        rest = &value[length..];
    }
    out.push_str(rest);
    out
}

/// The text up to the next value of a secret, and the text from there on.
fn next(text: &str) -> Option<(&str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut start = 0;
    loop {
        let begin = start + text[start..].find(is_word)?;
        let end = text[begin..].find(|c| !is_word(c)).map_or(text.len(), |length| begin + length);
        if is_secret(&text[begin..end])
            && let Some(length) = separator_length(&text[end..])
        {
            return Some(text.split_at(end + length));
        }
        start = end;
    }
}

/// `' => `, `": `, `} = `, and similar separators.
fn separator_length(text: &str) -> Option<usize> {
    let name_ends = text.trim_start_matches(['\'', '"', '}', ']', ' ']);
    let sign = ["=>", "=", ":"].into_iter().find(|sign| name_ends.starts_with(sign))?;
    let value = name_ends[sign.len()..].trim_start();
    // Excludes Perl's package names and comparisons.
    let is_other =
        name_ends.starts_with("::") || name_ends.starts_with("==") || name_ends.starts_with("=~");
    (!is_other).then(|| text.len() - value.len())
}

/// A text in quotes, or everything up to a character that cannot belong to the value; a scheme like Bearer belongs to
/// it.
fn value_length(value: &str) -> usize {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let plain = |text: &str| {
            text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ')' | '}'))
                .unwrap_or(text.len())
        };
        let first = plain(value);
        let is_scheme = ["bearer", "basic"].contains(&value[..first].to_ascii_lowercase().as_str());
        let blank = value[first..].len() - value[first..].trim_start().len();
        return if is_scheme { first + blank + plain(&value[first + blank..]) } else { first };
    };
    let mut is_escaped = false;
    for (position, c) in value.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return position + 1,
            _ => {}
        }
    }
    value.len()
}

/// The endings of names of secrets, compared without regard to case.
const NAMES: [&str; 15] = [
    "password",
    "passwords",
    "passphrase",
    "privatekey",
    "private_key",
    "passwd",
    "pwd",
    "pw",
    "secret",
    "token",
    "apikey",
    "api_key",
    "authorization",
    "credential",
    "credentials",
];

/// Variables of every shell: the current and the previous directory.
const DIRECTORIES: [&str; 2] = ["PWD", "OLDPWD"];

/// Whether a name is that of a secret: of a key, a setting or a field.
pub(crate) fn is_secret(name: &str) -> bool {
    if DIRECTORIES.contains(&name) {
        return false;
    }
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "DatabasePw",
            "AuthModule::LDAP::SearchUserPw",
            "SendmailModule::AuthPassword",
            "x-api_key",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["SystemID", "PasswordMinSize", "Tokens", "PWD", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn secrets_in_data_are_masked_at_every_depth() {
        let data = r#"{"user": "otrs", "Password": "x", "big": 12345678901234567890123, "list":
            [{"api_key": 7, "note": "pw=abcd; ok"}], "token": {"kind": "a"}, "odd": "\ud800", "user": "ü\u0061"}"#;
        let masked = r#"{"user":"otrs","Password":"***","big":12345678901234567890123,"list":[{"api_key":"***","note":"pw=***; ok"}],"token":{"kind":"a"},"odd":"***","user":"ü\u0061"}"#;
        assert_eq!(redact_data(&data.parse().unwrap()).text(), masked);
    }

    #[test]
    fn urls_are_shown_without_their_users() {
        for (text, expected) in [
            (
                "GET https://me:pass@a.example/b?c=d@e: 401",
                "GET https://***@a.example/b?c=d@e: 401",
            ),
            ("two: ftp://u@a, http://x:y@z@b:8080", "two: ftp://***@a, http://***@b:8080"),
            (
                "\"redis://:secret@cache\" and mail to me@b.example",
                "\"redis://***@cache\" and mail to me@b.example",
            ),
            ("https://a.example/@me", "https://a.example/@me"),
            ("://", "://"),
        ] {
            assert_eq!(without_users(text), expected);
            assert_eq!(redact(text, &[]), expected);
        }
    }

    #[test]
    fn secrets_are_masked() {
        for (text, expected) in [
            ("Password => 'hunter2', Login => 'otrs'", "Password => ***, Login => 'otrs'"),
            ("'AuthPassword' => 'it\\'s', 1", "'AuthPassword' => ***, 1"),
            ("$VAR1->{DatabasePw} = \"a b\";", "$VAR1->{DatabasePw} = ***;"),
            (r#"{"password": "x y", "user": "z"}"#, r#"{"password": ***, "user": "z"}"#),
            ("login failed, password=geheim; again", "login failed, password=***; again"),
            ("Authorization: Bearer abc.def\nnext", "Authorization: ***\nnext"),
            ("PASSWORD: x\nToken = y", "PASSWORD: ***\nToken = ***"),
            ("postgres://otrs:s3cret@db/otrs", "postgres://***@db/otrs"),
            (
                "Kernel::System::Auth::Password::Check failed",
                "Kernel::System::Auth::Password::Check failed",
            ),
            ("the password is wrong", "the password is wrong"),
            ("if ($Pw == 1 or $Pw =~ /x/)", "if ($Pw == 1 or $Pw =~ /x/)"),
            ("Password => 'no end", "Password => ***"),
            ("Password =>", "Password =>"),
            ("Gr\u{fc}\u{df}e, Password: \u{fc}\u{fc}", "Gr\u{fc}\u{df}e, Password: ***"),
        ] {
            assert_eq!(redact(text, &["s3cret", ""]), expected);
        }
    }
}
