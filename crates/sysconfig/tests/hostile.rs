//! Texts made to cost time, memory or stack: each is refused or read, on a stack of 256 KiB.
//! A quadratic step would take minutes on them, a recursion without a bound would end the process.

use std::fmt::Write;

use sysconfig::{Error, parse};

const MANY: usize = 256 * 1024;

/// Parses on a small stack; returns the number of settings and problems.
fn parse_apart(text: String) -> Result<(usize, usize), Error> {
    let run = move || parse("a.xml", &text).map(|d| (d.settings.len(), d.problems.len()));
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(run);
    thread.expect("a thread").join().expect("no panic")
}

fn refused(text: String) -> String {
    parse_apart(text).expect_err("must be refused").to_string()
}

fn document(content: &str) -> String {
    format!("<otrsd_config version=\"2.0\" init=\"Config\">{content}</otrsd_config>")
}

fn setting(value: &str) -> String {
    document(&format!("<Setting Name=\"X\" Valid=\"1\"><Value>{value}</Value></Setting>"))
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    open.repeat(depth) + &close.repeat(depth)
}

#[test]
fn deep_nesting() {
    let hash = ("<Hash><Item Key=\"a\">", "</Item></Hash>");
    let array = ("<Array><Item>", "</Item></Array>");
    for (open, close) in
        [("<a>", "</a>"), hash, array, ("<Item>", "</Item>"), ("<Value>", "</Value>")]
    {
        let message = refused(setting(&nested(open, close, 100_000)));
        assert!(message.ends_with("found more than 64 elements within each other"), "{message}");
    }
    assert_eq!(
        refused("<a>".repeat(1_000_000)),
        "a.xml:1:193: found more than 64 elements within each other"
    );
    for (open, close) in [hash, array] {
        assert_eq!(parse_apart(setting(&nested(open, close, 30))), Ok((1, 0)));
    }
}

#[test]
fn masses_of_tags_and_attributes() {
    let tags = "found more than 500000 tags and attributes in one file";
    assert!(refused(document(&"<a/>".repeat(3_000_000))).ends_with(tags));
    assert!(refused(document(&"<a b='' c='' d='' e=''/>".repeat(600_000))).ends_with(tags));
    let attributes = (0..100_000).fold(String::new(), |mut text, number| {
        let _ = write!(text, " a{number}=''");
        text
    });
    assert!(
        refused(format!("<a{attributes}/>")).ends_with("found more than 64 attributes in one tag")
    );
    assert_eq!(
        refused(format!("<a{attributes}")),
        "a.xml:1:1: found more than 64 attributes in one tag"
    );
    let spaces = document(&"<xmlns/>".repeat(100_000));
    assert!(refused(spaces).ends_with("found more than 16 xmlns declarations"));
}

#[test]
fn duplicate_attributes() {
    let twice = document("<Setting Name=\"X\" Name=\"Y\" Valid=\"1\"/>");
    assert_eq!(refused(twice), "a.xml:1:61: found Name twice in one tag; expected it once");
}

#[test]
fn document_types_and_entities() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;&b;\">]>";
    for text in
        [format!("{bomb}<a>&c;</a>"), "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>".to_owned()]
    {
        assert!(refused(text).contains("expected none: entities are not expanded"));
    }
    assert!(refused(setting("<Item>&c;</Item>")).contains("found &c; which is not known"));
}

#[test]
fn nothing_ever_closed() {
    for piece in
        ["<", "<a ", "<a b=\"", "<!--", "<![CDATA[", "<?", "</", "&", "<a b='<", "]]>", "<!--#\n"]
    {
        assert!(parse_apart(document(&piece.repeat(MANY))).is_err(), "{piece}");
        assert!(parse_apart(piece.repeat(MANY)).is_err(), "{piece}");
    }
}

#[test]
fn long_texts_are_read() {
    for piece in [
        " ",
        "\n",
        "\n x",
        " \n",
        "#\n",
        "\n#\n",
        "&amp;",
        "\u{20ac}",
        "<!-- -->",
        "<![CDATA[\n]]>",
    ] {
        let text = piece.repeat(MANY / piece.len());
        let item = format!(
            "<Hash><Item Key=\"a\">{text}</Item><Item Key=\"b\">\n{text}x{text}</Item></Hash>"
        );
        assert_eq!(parse_apart(setting(&item)), Ok((1, 0)), "{piece:?}");
    }
    let name = "A###".repeat(MANY) + "A";
    let long =
        document(&format!("<Setting Name=\"{name}\" Valid=\"1\"><Value><Item/></Value></Setting>"));
    assert_eq!(parse_apart(long), Ok((0, 1)));
}

#[test]
fn a_default_item_is_not_copied_into_each_of_many_items() {
    let days = "<Item ValueMonth=\"1\" ValueDay=\"1\">x</Item>".repeat(50_000);
    let items = "<Item Key=\"a\"/>".repeat(50_000);
    let text =
        format!("<Hash><DefaultItem ValueType=\"VacationDays\">{days}</DefaultItem>{items}</Hash>");
    assert_eq!(parse_apart(setting(&text)), Ok((0, 1)));
}

#[test]
fn many_settings_each_with_a_fault_far_down_are_placed_quickly() {
    let one = "<Setting Name=\"X\" Valid=\"1\"><Value>\n<Hash><Item/></Hash></Value></Setting>\n";
    assert_eq!(parse_apart(document(&one.repeat(80_000))), Ok((0, 80_000)));
}
