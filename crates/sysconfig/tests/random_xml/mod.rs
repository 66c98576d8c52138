//! Setting XML at random: every construct the original looks at, in places where it makes sense and where
//! it does not. The same seed gives the same text.

use std::fmt::Write;

const TYPES: [&str; 18] = [
    "String",
    "Checkbox",
    "Date",
    "Entity",
    "Textarea",
    "YAML",
    "Select",
    "Select",
    "FrontendNavigation",
    "FrontendRegistration",
    "VacationDays",
    "VacationDaysOneTime",
    "WorkingHours",
    "WorkingHours",
    "Option",
    "Nonsense",
    "",
    "0",
];
const TEXTS: [&str; 22] = [
    "",
    "",
    "0",
    "1",
    "9",
    "24",
    "\n23\n",
    "1\n24",
    "plain",
    "  spaced  ",
    "\n      own line\n   ",
    "\n  a\n   b\n\n\n  c\n",
    "\n",
    "\n\n",
    "\n \n \n",
    " \n x",
    "x\n#gone\ny\n",
    "\u{e4}\u{20ac}\u{a0}",
    "&lt;&amp;&#10;",
    "<![CDATA[c<d\n]]>",
    "a<!-- gone\n -- -->b",
    "\t\n z \n\u{a0}\n",
];
const KEYS: [&str; 7] = ["a", "b", "Group", "GroupRo", "", "0", "a b"];
const ATTRIBUTES: [(&str, &[&str]); 7] = [
    ("SelectedID", &["", "0", "x"]),
    ("Content", &["attribute", "0", ""]),
    ("ValueMonth", &["", "0", "1", "12"]),
    ("ValueDay", &["0", "1", "24"]),
    ("ValueYear", &["0", "2024"]),
    ("ValueName", &["Mon", "Tue", "0"]),
    ("Translatable", &["1"]),
];

/// A document of `count` settings.
pub(crate) fn document(seed: u64, count: usize) -> String {
    let mut author = Author { state: seed, text: String::new() };
    author.text.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<otrs_config version=\"2.0\" init=\"Config\">\n");
    for number in 0..count {
        let valid = author.below(2);
        writeln!(author.text, "<Setting Name=\"Random{number}\" Valid=\"{valid}\">\n  <Value>")
            .unwrap();
        author.value();
        author.text.push_str("</Value>\n</Setting>\n");
    }
    author.text + "</otrs_config>\n"
}

struct Author {
    state: u64,
    text: String,
}

impl Author {
    /// xorshift64*: repeatable, and random enough.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    fn value(&mut self) {
        match self.below(10) {
            0..5 => self.list("Hash", 5),
            5..8 => self.list("Array", 5),
            8 => self.item("Item", false, 3),
            _ => self.content(3),
        }
    }

    fn content(&mut self, depth: usize) {
        match self.below(if depth == 0 { 3 } else { 12 }) {
            0..3 => {
                let text = self.pick(&TEXTS);
                self.text.push_str(text);
            }
            3..6 => self.list("Hash", depth),
            6..8 => self.list("Array", depth),
            8 => self.mixed(depth - 1),
            9 => self.item("Item", false, depth - 1),
            _ => (0..self.below(4)).for_each(|_| self.item("Item", false, depth - 1)),
        }
    }

    /// Several things of which the original looks at one first.
    fn mixed(&mut self, depth: usize) {
        for _ in 0..=self.below(3) {
            match self.below(4) {
                0 => self.item("DefaultItem", false, depth),
                1 => self.item("Item", false, depth),
                2 => self.list("Hash", depth),
                _ => self.list("Array", depth),
            }
        }
    }

    /// Days with hours, or options: what the inner items of a typed item are meant to be.
    fn parts(&mut self) {
        let kind = self.pick(&["Day", "Option"]);
        for _ in 0..self.below(3) {
            write!(self.text, "<Item ValueType=\"{kind}\" ValueName=\"Mon\" Value=\"x\">").unwrap();
            for _ in 0..self.below(4) {
                self.item("Item", false, 0);
            }
            self.text.push_str("</Item>");
        }
    }

    fn list(&mut self, name: &str, depth: usize) {
        write!(self.text, "<{name}>").unwrap();
        if self.below(2) == 0 {
            self.item("DefaultItem", false, depth.saturating_sub(1));
        }
        for _ in 0..self.below(4) {
            self.item("Item", name == "Hash", depth.saturating_sub(1));
        }
        write!(self.text, "</{name}>").unwrap();
    }

    fn item(&mut self, name: &str, keyed: bool, depth: usize) {
        write!(self.text, "<{name}").unwrap();
        if keyed {
            let key = self.pick(&KEYS);
            write!(self.text, " Key=\"{key}\"").unwrap();
        }
        if self.below(2) == 0 {
            let name = self.pick(&TYPES);
            write!(self.text, " ValueType=\"{name}\"").unwrap();
        }
        for (name, values) in ATTRIBUTES {
            if self.below(3) == 0 {
                let value = self.pick(values);
                write!(self.text, " {name}=\"{value}\"").unwrap();
            }
        }
        self.text.push('>');
        if self.below(5) == 0 {
            self.parts();
        } else if name == "DefaultItem" && depth > 0 && self.below(2) == 0 {
            self.mixed(depth - 1);
        } else {
            self.content(depth);
        }
        write!(self.text, "</{name}>").unwrap();
    }
}
