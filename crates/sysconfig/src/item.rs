//! `<Value>` to [`Value`]: `Item`, `Hash`, `Array` within each other, and `DefaultItem`, whose attributes the items
//! beside it inherit. Every branch follows the original's computation of an effective value. The recursion is bounded:
//! the guard has limited the nesting of elements.

use roxmltree::Node;

use crate::error::Fault;
use crate::trim::trim_own_lines;
use crate::value::Value;
use crate::value_type::{has_parts, is_true, typed};

/// The value of a `<Value>` element.
pub(crate) fn value_of(node: Node<'_, '_>) -> Result<Value, Fault> {
    if let Some(nested) = node.descendants().skip(1).find(|inner| inner.has_tag_name("Value")) {
        return Err(fault(nested, "found <Value> within <Value>; expected Item, Array or Hash"));
    }
    let known = ["Item", "Hash", "Array"].iter().any(|name| child(node, name).is_some());
    if !known {
        let found = match elements(node).next() {
            Some(inner) => format!("<{}>", inner.tag_name().name()),
            None if text_of(node).is_some_and(|text| !text.trim().is_empty()) => "text".to_owned(),
            None => "nothing".to_owned(),
        };
        return Err(fault(node, format!("found {found} in <Value>; expected Item, Array or Hash")));
    }
    container(node, None)
}

/// The items directly within `node`.
pub(crate) fn items<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    elements(node).filter(|inner| inner.has_tag_name("Item"))
}

/// The first element called `name` directly within `node`.
pub(crate) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    elements(node).find(|inner| inner.has_tag_name(name))
}

/// The key of an item of a hash.
pub(crate) fn key_of<'a>(item: Node<'a, '_>) -> Result<&'a str, Fault> {
    item.attribute("Key")
        .ok_or_else(|| fault(item, "found an Item of a Hash without Key; expected Key=\"…\""))
}

/// The text of an element without elements in it, or its Content attribute; None if it has neither.
pub(crate) fn content(item: Node<'_, '_>) -> Option<String> {
    let text = if elements(item).next().is_none() { text_of(item) } else { None };
    text.or_else(|| item.attribute("Content").map(str::to_owned))
}

fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

fn text_of(node: Node<'_, '_>) -> Option<String> {
    let mut texts = node.children().filter(Node::is_text).filter_map(|text| text.text()).peekable();
    texts.peek()?;
    Some(texts.collect())
}

fn fault(node: Node<'_, '_>, what: impl Into<String>) -> Fault {
    Fault::new(node.range().start, what)
}

/// What the items of a hash or an array inherit from the `DefaultItem` beside them.
#[derive(Clone, Copy, Default)]
struct Defaults<'a, 'i> {
    value_type: Option<&'a str>,
    /// The first of the default item's own items: a select's options.
    part: Option<Node<'a, 'i>>,
    /// The default item for what is within the items' own hashes or arrays.
    nested: Option<Node<'a, 'i>>,
}

impl<'a, 'i> Defaults<'a, 'i> {
    fn new(default: Option<Node<'a, 'i>>) -> Self {
        let Some(default) = default else { return Self::default() };
        let within = |name| child(default, name).and_then(|inner| child(inner, "DefaultItem"));
        Self {
            value_type: default.attribute("ValueType"),
            part: items(default).next(),
            nested: within("Hash")
                .or_else(|| child(default, "DefaultItem"))
                .or_else(|| within("Array")),
        }
    }

    /// For a hash: the original drops a select whose inner items are not options.
    fn of_hash(default: Option<Node<'a, 'i>>) -> Self {
        let defaults = Self::new(default);
        let odd = defaults.part.is_some_and(|part| part.attribute("ValueType") != Some("Option"));
        if defaults.value_type == Some("Select") && odd {
            return Self { value_type: None, part: None, ..defaults };
        }
        defaults
    }
}

/// The value of a `<Value>`, or of an `<Item>` that holds a hash or an array.
fn container<'a, 'i>(node: Node<'a, 'i>, default: Option<Node<'a, 'i>>) -> Result<Value, Fault> {
    let mut inner = items(node);
    if let Some(item) = inner.next() {
        if let Some(second) = inner.next() {
            return Err(fault(
                second,
                "found a second Item; expected one, or an Array or Hash around them",
            ));
        }
        return scalar(item, Defaults::default());
    }
    if let Some(hash) = child(node, "Hash") {
        return hash_value(hash, default.or_else(|| child(hash, "DefaultItem")));
    }
    match child(node, "Array") {
        Some(array) => array_value(array, default.or_else(|| child(array, "DefaultItem"))),
        None => Ok(Value::Undef),
    }
}

fn hash_value<'a, 'i>(hash: Node<'a, 'i>, default: Option<Node<'a, 'i>>) -> Result<Value, Fault> {
    let defaults = Defaults::of_hash(default);
    let entry = |item: Node<'a, 'i>| {
        let key = key_of(item)?.to_owned();
        let own_type = item.attribute("ValueType").is_some_and(is_true);
        Ok((key, item_value(item, defaults, own_type)?))
    };
    items(hash).map(entry).collect::<Result<_, _>>().map(Value::Map)
}

/// An item of an array gets a type only from the default item; an empty item is no element.
fn array_value<'a, 'i>(array: Node<'a, 'i>, default: Option<Node<'a, 'i>>) -> Result<Value, Fault> {
    let defaults = Defaults::new(default);
    let filled = items(array).filter(|item| !is_bare(*item));
    filled.map(|item| item_value(item, defaults, false)).collect::<Result<_, _>>().map(Value::List)
}

fn item_value<'a, 'i>(
    item: Node<'a, 'i>,
    defaults: Defaults<'a, 'i>,
    own_type: bool,
) -> Result<Value, Fault> {
    if child(item, "Hash").or_else(|| child(item, "Array")).is_some() {
        no_parts(item, defaults)?;
        let nested = if child(item, "DefaultItem").is_some() { None } else { defaults.nested };
        return container(item, nested);
    }
    if own_type || defaults.value_type.is_some_and(is_true) {
        return scalar(item, defaults);
    }
    Ok(Value::Text(trim_own_lines(&content(item).unwrap_or_default())))
}

fn scalar<'a, 'i>(item: Node<'a, 'i>, defaults: Defaults<'a, 'i>) -> Result<Value, Fault> {
    if is_bare(item) && defaults.value_type.is_none() {
        return Ok(Value::Undef);
    }
    let named = item.attribute("ValueType").or(defaults.value_type).filter(|name| is_true(name));
    let named = named.unwrap_or("String");
    if has_parts(named) {
        no_parts(item, defaults)?;
    }
    typed(named, item)
}

/// The original copies a default item's own items into every item beside it, over those of its hash or array. That is
/// intended for a select's options, whose value does not depend on them; it garbles anything else, and copies for many
/// items would take time and memory proportional to the product of both.
fn no_parts(item: Node<'_, '_>, defaults: Defaults<'_, '_>) -> Result<(), Fault> {
    match defaults.part {
        Some(part) if items(item).next().is_none() => Err(fault(
            part,
            "found an Item within DefaultItem; expected it only in one of ValueType=\"Select\"",
        )),
        _ => Ok(()),
    }
}

/// Neither attributes nor elements nor text.
fn is_bare(item: Node<'_, '_>) -> bool {
    item.attributes().len() == 0 && elements(item).next().is_none() && text_of(item).is_none()
}
