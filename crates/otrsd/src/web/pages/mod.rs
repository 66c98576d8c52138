//! The pages, as functions of their data.

pub(super) mod chart;
mod layout;
pub(super) mod login;
pub(super) mod modules;
pub(super) mod overview;
mod parts;
pub(super) mod pauses;
pub(super) mod schedule;
pub(super) mod sessions;
pub(super) mod settings;
pub(super) mod statistics;
pub(super) mod tasks;

use maud::{Markup, html};

use super::problem::Problem;

/// A problem as a page.
pub(super) fn problem(problem: &Problem) -> Markup {
    layout::bare(
        problem.title(),
        &html! {
            h1 { (problem.title()) }
            p { (problem.detail) }
            p { a.button href="/" { "Back to the overview" } }
        },
    )
}
