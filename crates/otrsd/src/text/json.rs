//! JSON for people: one member per line, each number and text as it is written.

use std::iter::repeat_n;

/// The JSON with each member on a line of its own, in the layout of `serde_json`.
pub(crate) fn pretty(json: &str) -> String {
    let (mut out, mut depth, mut is_text, mut is_escaped) = (String::new(), 0, false, false);
    for c in json.chars() {
        if is_text {
            is_text = c != '"' || is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            out.push(c);
            continue;
        }
        match c {
            _ if c.is_ascii_whitespace() => continue,
            '}' | ']' => {
                depth = usize::saturating_sub(depth, 1);
                if !out.ends_with(['{', '[']) {
                    new_line(&mut out, depth);
                }
            }
            _ if out.ends_with(['{', '[']) => new_line(&mut out, depth),
            _ => {}
        }
        out.push(c);
        match c {
            '{' | '[' => depth += 1,
            ',' => new_line(&mut out, depth),
            ':' => out.push(' '),
            '"' => is_text = true,
            _ => {}
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_serde_lays_it_out() {
        for json in [
            "1",
            r#""a: {b, \"c\\""#,
            "[]",
            r#"{"a":{},"b":[[],{"c":[1,2]}],"d":"[}\\","e":"{"}"#,
            r#"["[", "{", {"]": ","}]"#,
        ] {
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(pretty(json), format!("{value:#}"), "{json}");
        }
        assert_eq!(pretty(r#"{"b":1.10, "a":1e400}"#), "{\n  \"b\": 1.10,\n  \"a\": 1e400\n}");
    }
}
