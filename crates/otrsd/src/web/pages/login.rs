//! The login pages.

use maud::{Markup, html};

use super::layout;

/// Sends the browser to the URL of its session.
pub(in crate::web) fn onward(url: &str) -> Markup {
    layout::bare(
        "Log in",
        &html! {
            meta http-equiv="refresh" content=(format!("0;url={url}"));
            h1 { "otrsd" }
            p { a.button.primary href=(url) { "Go on to the console" } }
            p.faint {
                "Each session has a name of its own below " code { "localhost" } ", since cookies of "
                code { "localhost" } " itself go to all ports of this host, whose users may be others."
            }
        },
    )
}

pub(in crate::web) fn page(code: &str) -> Markup {
    layout::bare(
        "Log in",
        &html! {
            h1 { "otrsd" }
            @if code.is_empty() {
                p { "On the daemon's host, run " code { "otrsd console-url" } " as its user and open the link that it prints, or enter a token." }
            } @else {
                p { "This link opens the console once." }
            }
            form.login method="post" action="/login" data-submit-at-once[!code.is_empty()] {
                @if code.is_empty() {
                    label for="code" { "Token" }
                    input #code type="password" name="code" autocomplete="off" required autofocus;
                } @else {
                    input type="hidden" name="code" value=(code);
                }
                button.primary { "Open the console" }
            }
        },
    )
}
