//! The door.

use maud::{Markup, html};

use super::layout;

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
