//! The page of the effective settings, each with its origin.

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use sysconfig::Value;

use super::layout::page;
use crate::web::{Console, auth::Caller, effective};

const LONGEST_VALUE: usize = 2000;
/// A page stays small where an installation has thousands of settings.
const MOST: usize = 200;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Search {
    text: String,
}

pub(in crate::web) async fn show(
    State(console): State<Arc<Console>>,
    caller: Caller,
    Query(search): Query<Search>,
) -> Markup {
    let settings = console.context.settings();
    let wanted = search.text.trim().to_lowercase();
    let mut found: Vec<(&str, String, String)> =
        effective::settings(settings, &caller, |name| name.to_lowercase().contains(&wanted))
            .map(|(name, value, origin)| (name, shown(value), origin))
            .collect();
    let all = found.len();
    found.truncate(MOST);
    page(
        &console,
        &caller,
        "/settings",
        "Settings",
        &html! {
            h1 { "Settings" }
            form.filters method="get" action="/settings" role="search" {
                div.grow {
                    label for="text" { "Name" }
                    input #text type="search" name="text" value=(search.text) placeholder="TaskType###" autocomplete="off";
                }
                div { button.primary { "Search" } }
            }
            p.faint {
                (all) @if all == 1 { " setting" } @else { " settings" }
                @if all > found.len() { ", of which the first " (found.len()) " are shown" }
                ", as this life of the console began with them."
            }
            div.card.scroll tabindex="0" role="group" aria-label="Settings" {
                table {
                    thead { tr { th { "Name" } th { "Value" } th { "Origin" } } }
                    tbody { @for (name, value, origin) in &found { tr {
                        th.wide scope="row" { (name) }
                        td.wide { code { (value) } }
                        td.faint { (origin) }
                    } } }
                }
            }
        },
    )
}

fn shown(value: Value) -> String {
    let text = match value {
        Value::Text(text) => text,
        value => serde_json::to_string(&value).unwrap_or_default(),
    };
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
