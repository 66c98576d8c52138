//! Tests that each example is a valid call of its command.

use super::{command, examples::EXAMPLES};

/// The words of a shell's line: quoted by ' or ", or separated by spaces.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (None, ' ') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == character => quote = None,
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// The calls of otrsd in a line.
fn calls(line: &str) -> Vec<Vec<String>> {
    let line = line.replace("$(", " && ").replace(")\"", "");
    let parts = line.split(" | ").flat_map(|it| it.split(" && "));
    let parts = parts.map(|it| it.split(" >").next().unwrap_or_default().trim());
    parts.filter(|it| it.starts_with("otrsd ")).map(words).collect()
}

/// Whether the words of a path occur in a call, in their order.
fn is_of(call: &[String], path: &str) -> bool {
    let mut words = call.iter();
    path.split(' ').all(|name| words.any(|word| word == name))
}

#[test]
fn every_example_is_a_command_line_of_its_command() {
    for (path, examples) in EXAMPLES {
        for (purpose, line) in *examples {
            let calls = calls(line);
            assert!(!calls.is_empty(), "{line}");
            for call in &calls {
                let parsed = command().try_get_matches_from(call);
                assert!(parsed.is_ok(), "{line}: {parsed:?}");
            }
            assert!(calls.iter().any(|call| is_of(call, path)), "{path}: {line}");
            assert!(!purpose.ends_with('.') && line.len() < 100, "{purpose}: {line}");
        }
    }
}

#[test]
fn every_path_is_a_command() {
    for (path, _) in EXAMPLES {
        let mut root = command();
        root.build();
        let found = path.split(' ').skip(1).try_fold(&root, |it, name| it.find_subcommand(name));
        let help = found.cloned().map(|mut it| it.render_long_help().to_string());
        assert!(help.is_some_and(|it| it.contains("Examples:")), "{path}");
    }
}
