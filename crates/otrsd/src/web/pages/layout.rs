//! The layout of all pages.

use maud::{DOCTYPE, Markup, html};

use crate::{
    config::console::Role,
    web::{Console, auth::Caller, form},
};

/// Browsers cache assets until the program changes.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

const PAGES: [(&str, &str); 6] = [
    ("/", "Overview"),
    ("/tasks", "Tasks"),
    ("/schedule", "Schedule"),
    ("/modules", "Modules"),
    ("/statistics", "Statistics"),
    ("/settings", "Settings"),
];

/// A page of the console. `path` is its entry in the navigation.
pub(super) fn page(
    console: &Console,
    caller: &Caller,
    path: &str,
    title: &str,
    main: &Markup,
) -> Markup {
    let node = console.place.node_id;
    document(
        &format!("{title} · node {node} · otrsd"),
        &html! {
            a.skip href="#main" { "Skip to the content" }
            header.top {
                a.brand href="/" aria-label="otrsd, overview" {
                    img src="/icon.svg" alt="" width="28" height="28";
                    span { "otrsd" }
                }
                nav aria-label="Pages" {
                    ul {
                        @for (to, name) in PAGES {
                            li { a href=(to) aria-current=[(to == path).then_some("page")] { (name) } }
                        }
                    }
                }
                form.who method="post" action="/logout" {
                    span.node title="this console's node" { "node " (node) }
                    span.name {
                        @if caller.role >= Role::Operate { a href="/sessions" title="who is logged in" { (caller.name) } }
                        @else { (caller.name) }
                        span.role { (caller.role.as_str()) }
                    }
                    (key(caller))
                    button.quiet { "Log out" }
                }
            }
            main #main tabindex="-1" { (main) }
            p #offline .offline role="status" hidden { "No connection to the console; trying again…" }
        },
    )
}

/// A page for a visitor without a login.
pub(super) fn bare(title: &str, main: &Markup) -> Markup {
    document(
        &format!("{title} · otrsd"),
        &html! {
            main #main .bare {
                img src="/icon.svg" alt="" width="48" height="48";
                (main)
            }
        },
    )
}

/// The hidden field without which a form is refused.
pub(super) fn key(caller: &Caller) -> Markup {
    html! { input type="hidden" name=(form::KEY) value=[caller.session.as_ref().map(|it| it.form_key.as_str())]; }
}

fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href=(format!("/style.css?{VERSION}"));
                script src=(format!("/app.js?{VERSION}")) defer {}
            }
            body { (body) }
        }
    }
}
