//! What an operator reads when a file or a setting is broken.

use sysconfig::parse;

/// Broken files and the message of each.
const FILES: [(&str, &str); 36] = [
    ("", "a.xml:1:1: found an empty file; expected <otrs_config version=\"2.0\" …>"),
    ("   \n", "a.xml:1:1: found an empty file; expected <otrs_config version=\"2.0\" …>"),
    ("plain text", "a.xml:1:1: found text; expected <otrs_config version=\"2.0\" …>"),
    ("{\"json\": 1}", "a.xml:1:1: found text; expected <otrs_config version=\"2.0\" …>"),
    (
        "<html></html>",
        "a.xml:1:1: found <html>; expected <otrs_config>, <otobo_config>, <znuny_config> or <otrsd_config>",
    ),
    ("<otrs_config>", "a.xml:1:1: found <otrs_config> without an end; expected </otrs_config>"),
    (
        "<otrs_config></otrs_config>",
        "a.xml:1:1: found <otrs_config> without version=; expected version=\"2.0\"",
    ),
    (
        "<otrs_config version=\"1.0\" init=\"Config\"></otrs_config>",
        "a.xml:1:1: found version=\"1.0\", the format up to OTRS 5; expected version=\"2.0\": migrate the file first, by Dev::Tools::Migrate::ConfigXMLStructure of OTRS 6 or OTOBO",
    ),
    (
        "<otrs_config version=\"1.1\" init=\"Config\"></otrs_config>",
        "a.xml:1:1: found version=\"1.1\", the format up to OTRS 5; expected version=\"2.0\": migrate the file first, by Dev::Tools::Migrate::ConfigXMLStructure of OTRS 6 or OTOBO",
    ),
    (
        "<otobo_config version=\"3.0\" init=\"Config\"></otobo_config>",
        "a.xml:1:1: found version=\"3.0\"; expected version=\"2.0\"",
    ),
    (
        "<otrsd_config version=\"2.0\"></otrsd_config>",
        "a.xml:1:1: found <otrsd_config> without init=; expected init=\"Framework\", \"Application\", \"Config\" or \"Changes\"",
    ),
    (
        "<znuny_config version=\"2.0\" init=\"config\"></znuny_config>",
        "a.xml:1:1: found init=\"config\"; expected init=\"Framework\", \"Application\", \"Config\" or \"Changes\"",
    ),
    ("<a>\n<b>\n  </a>\n", "a.xml:3:3: found </a>; expected </b> for the <b> of line 2"),
    ("<a>\n</a>\n</b>", "a.xml:3:1: found </b>, but no element is open"),
    (
        "<a/><b/>",
        "a.xml:1:5: found a second root element; expected the end of the file after the root element",
    ),
    ("<a></a>text", "a.xml:1:8: found text; expected the end of the file after the root element"),
    (
        "<!-- one\ntwo --><a>\n  <!-- three\n--> </b></a>",
        "a.xml:4:5: found </b>; expected </a> for the <a> of line 2",
    ),
    ("<a>\n<b c=\"d></b>\n</a>", "a.xml:2:1: found an attribute of <b without a closing \""),
    ("<a>\n  <b c=d></b></a>", "a.xml:2:8: found 'd'; expected a quote"),
    ("<a>\n  <b c='1' c='2'></b></a>", "a.xml:2:12: found c twice in one tag; expected it once"),
    ("<a>\n  \u{e4}\u{20ac} <b c></b></a>", "a.xml:2:10: found '>'; expected '='"),
    (
        "<a>fish & chips</a>",
        "a.xml:1:9: found & without a name and ; after it; expected &amp; for the character itself",
    ),
    (
        "<a>fish &amp chips</a>",
        "a.xml:1:9: found & without a name and ; after it; expected &amp; for the character itself",
    ),
    (
        "<a>&nbsp;</a>",
        "a.xml:1:4: found &nbsp; which is not known; expected &amp; &lt; &gt; &quot; &apos; or a number (&#160;)",
    ),
    (
        "<a>1 < 2</a>",
        "a.xml:1:6: found < without a name; expected a tag, or &lt; for the character itself",
    ),
    (
        "<a>\n<![CDATA[ no end </a>",
        "a.xml:2:1: found a CDATA section without an end; expected \"]]>\"",
    ),
    ("<a>\n<!-- no end </a>", "a.xml:2:1: found a comment without an end; expected \"-->\""),
    ("<a>\u{0}</a>", "a.xml:1:4: found the character U+0000, which XML forbids"),
    ("<a>\u{1b}[0m</a>", "a.xml:1:4: found the character U+001B, which XML forbids"),
    (
        "<!DOCTYPE a>\n<a/>",
        "a.xml:1:1: found a document type (<!DOCTYPE …); expected none: entities are not expanded",
    ),
    ("<a>\n<b/ c></a>", "a.xml:2:7: found </a>; expected </b> for the <b> of line 2"),
    ("<a>\n<1/></a>", "a.xml:2:2: found '1'; expected a name"),
    ("<a>]]></a>", "a.xml:1:7: found ]]> in a text; expected ]]&gt;"),
    (
        "<a>\n<x:b/></a>",
        "a.xml:2:2: found the prefix x: without its xmlns; expected a name without prefix",
    ),
    (
        "<a><!ENTITY b 'c'></a>",
        "a.xml:1:4: found a document type (<!DOCTYPE …); expected none: entities are not expanded",
    ),
    (
        "<?xml version=\"1.0\"?>\n<?xml version=\"1.0\"?><a/>",
        "a.xml:2:1: found <?xml …?> within the file; expected it only at the start",
    ),
];

/// Broken settings and the problem of each, the text standing from line 2 of the file on.
const SETTINGS: [(&str, &str); 26] = [
    (
        "<Setting Valid=\"1\"><Value><Item>1</Item></Value></Setting>",
        "a.xml:2: found <Setting> without Name; expected Name=\"…\"",
    ),
    (
        "<Setting Name=\"\" Valid=\"1\"><Value><Item>1</Item></Value></Setting>",
        "a.xml:2: found <Setting> without Name; expected Name=\"…\"",
    ),
    (
        "<Setting Name=\"X\"><Value><Item>1</Item></Value></Setting>",
        "a.xml:2: setting X: found no Valid; expected Valid=\"1\", or Valid=\"0\" to take the setting away",
    ),
    (
        "<Setting Name=\"X\" Valid=\"yes\"><Value><Item>1</Item></Value></Setting>",
        "a.xml:2: setting X: found Valid=\"yes\"; expected \"0\" or \"1\"",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\" Required=\"\"><Value><Item>1</Item></Value></Setting>",
        "a.xml:2: setting X: found Required=\"\"; expected \"0\" or \"1\"",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\" ReadOnly=\"true\"><Value><Item>1</Item></Value></Setting>",
        "a.xml:2: setting X: found ReadOnly=\"true\"; expected \"0\" or \"1\"",
    ),
    (
        "<Setting Name=\"X###\" Valid=\"1\"><Value><Item>1</Item></Value></Setting>",
        "a.xml:2: setting X###: found an empty part in the name \"X###\"; expected A###B",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\">\n</Setting>",
        "a.xml:2: setting X: found no <Value>; expected one",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\"><Value><Item>1</Item></Value>\n<Value/></Setting>",
        "a.xml:3: setting X: found a second <Value>; expected one",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\">\n<Value></Value></Setting>",
        "a.xml:3: setting X: found nothing in <Value>; expected Item, Array or Hash",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\">\n<Value>1</Value></Setting>",
        "a.xml:3: setting X: found text in <Value>; expected Item, Array or Hash",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\">\n<Value><Itme>1</Itme></Value></Setting>",
        "a.xml:3: setting X: found <Itme> in <Value>; expected Item, Array or Hash",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\">\n<Value>\n<Value><Item>1</Item></Value></Value></Setting>",
        "a.xml:4: setting X: found <Value> within <Value>; expected Item, Array or Hash",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\">\n<Value><Hash>\n<Value/></Hash></Value></Setting>",
        "a.xml:4: setting X: found <Value> within <Value>; expected Item, Array or Hash",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\"><Value><Item>1</Item>\n<Item>2</Item></Value></Setting>",
        "a.xml:3: setting X: found a second Item; expected one, or an Array or Hash around them",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\">\n<Value><Item ValueType=\"Sting\">1</Item></Value></Setting>",
        "a.xml:3: setting X: found ValueType=\"Sting\"; expected one of String, Checkbox, Date, DateTime, Directory, Entity, File, Password, PerlModule, Textarea, TimeZone, YAML, Array, Select, FrontendNavigation, FrontendRegistration, VacationDays, VacationDaysOneTime, WorkingHours",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\">\n<Value><Array>\n<DefaultItem ValueType=\"Day\"/>\n<Item>1</Item></Array></Value></Setting>",
        "a.xml:5: setting X: found ValueType=\"Day\"; expected one of String, Checkbox, Date, DateTime, Directory, Entity, File, Password, PerlModule, Textarea, TimeZone, YAML, Array, Select, FrontendNavigation, FrontendRegistration, VacationDays, VacationDaysOneTime, WorkingHours",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\"><Value><Hash>\n<Item>1</Item></Hash></Value></Setting>",
        "a.xml:3: setting X: found an Item of a Hash without Key; expected Key=\"…\"",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\"><Value><Hash>\n<Item key=\"a\">1</Item></Hash></Value></Setting>",
        "a.xml:3: setting X: found an Item of a Hash without Key; expected Key=\"…\"",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\"><Value><Hash><Item Key=\"a\">\n<Hash><Item/></Hash></Item></Hash></Value></Setting>",
        "a.xml:3: setting X: found an Item of a Hash without Key; expected Key=\"…\"",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\"><Value><Item ValueType=\"FrontendNavigation\"><Hash>\n<Item>1</Item></Hash></Item></Value></Setting>",
        "a.xml:3: setting X: found an Item of a Hash without Key; expected Key=\"…\"",
    ),
    (
        "<Setting Name=\"X\" Valid=\"1\"><Value><Array>\n<DefaultItem><Item>1</Item></DefaultItem><Item><Hash/></Item></Array></Value></Setting>",
        "a.xml:3: setting X: found an Item within DefaultItem; expected it only in one of ValueType=\"Select\"",
    ),
    (
        "<ConfigItem Name=\"X\" Valid=\"1\"><Setting><String>1</String></Setting></ConfigItem>",
        "a.xml:2: setting X: found <ConfigItem>, the format up to OTRS 5; expected <Setting>: migrate the file first",
    ),
    (
        "<Seting Name=\"X\" Valid=\"1\"><Value><Item>1</Item></Value></Seting>",
        "a.xml:2: setting X: found <Seting>; expected <Setting>",
    ),
    (
        "<Group>\n<Setting Name=\"X\" Valid=\"1\"><Value><Item>1</Item></Value></Setting></Group>",
        "a.xml:2: found <Group>; expected <Setting>",
    ),
    (
        "<!-- one\ntwo -->\n#three\n<Setting Name=\"X\" Valid=\"2\"><Value><Item>1</Item></Value></Setting>",
        "a.xml:5: setting X: found Valid=\"2\"; expected \"0\" or \"1\"",
    ),
];

#[test]
fn a_broken_file_is_an_error_with_its_place() {
    for (text, message) in FILES {
        assert_eq!(parse("a.xml", text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn a_broken_setting_is_a_problem_and_the_others_are_read() {
    let good = "<Setting Name=\"Good\" Valid=\"1\"><Value><Item>1</Item></Value></Setting>";
    for (text, message) in SETTINGS {
        let text = format!(
            "<otrsd_config version=\"2.0\" init=\"Config\">\n{text}\n{good}</otrsd_config>"
        );
        let document = parse("a.xml", &text).unwrap();
        let problems: Vec<_> = document.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, [message], "{text}");
        assert_eq!(document.settings.len(), 1, "{text}");
        assert_eq!(document.settings[0].name, "Good");
    }
}

/// What a message quotes may be as long as the file; what was expected must still be seen.
#[test]
fn messages_stay_short() {
    let long = "\u{20ac}".repeat(1_000_000);
    for text in [
        format!("<a{long}"),
        format!("<{long}/>"),
        format!("<a>&{long};</a>"),
        format!("<otrs_config version=\"{long}\"/>"),
        format!("<otrs_config version=\"2.0\" init=\"{long}\"/>"),
    ] {
        let message = parse("a.xml", &text).unwrap_err().to_string();
        assert!(message.len() < 600 && message.contains("expected"), "{message}");
    }
    for setting in [
        format!("<Setting Name=\"{long}\" Valid=\"1\"/>"),
        format!("<Setting Name=\"X\" Valid=\"{long}\"/>"),
        format!(
            "<Setting Name=\"X\" Valid=\"1\"><Value><Item ValueType=\"{long}\"/></Value></Setting>"
        ),
    ] {
        let text =
            format!("<otrsd_config version=\"2.0\" init=\"Config\">{setting}</otrsd_config>");
        let message = parse("a.xml", &text).unwrap().problems[0].to_string();
        assert!(message.len() < 1100 && message.contains("expected"), "{message}");
    }
}
