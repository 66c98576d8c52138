//! One suite that every database passes. Servers: `eval "$(scripts/databases start DIR)"`.

#![expect(unreachable_pub, reason = "nobody reaches into a test")]
#![expect(clippy::doc_markdown, reason = "SQLite is the name of a product, not code")]
#![expect(clippy::cognitive_complexity, reason = "the macros of assertions count as branches")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod adding;
mod claiming;
mod cron;
mod cutting;
mod encodings;
mod failures;
mod finishing;
mod held_tasks;
mod home;
mod home_tables;
mod large_rows;
mod locking;
mod looking;
mod odd_rows;
mod outcomes;
mod payloads;
mod place;
mod planning;
mod pooler;
mod processes;
mod proxy;
mod random_rows;
mod refusals;
mod rights;
mod schema;
mod searching;
mod servers;
mod sessions;
mod tls;
mod waking;

/// Each case, on each database.
macro_rules! suite {
    ($($database:ident $kind:ident $tests:tt)*) => { $(mod $database { suite!(@topics $kind $tests); })* };
    (@topics $kind:ident { $($topic:ident { $($case:ident)* })* }) => { $(
        mod $topic {
            use crate::place::Kind;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$topic::$case(Kind::$kind).await;
                }
            )*
        }
    )* };
}

macro_rules! everywhere {
    ({ $($all:tt)* } { $($homes:tt)* }) => {
        suite! {
            sqlite Sqlite { $($all)* }
            postgres Postgres { $($all)* $($homes)* }
            mariadb MariaDb { $($all)* $($homes)* }
        }
    };
}

everywhere! {
    {
        adding {
            one_and_many
            an_id_is_added_once
            what_was_added_is_known_wherever_it_is
            what_cannot_be_is_refused
            the_limit_counts_waiting_running_and_retries
            sixteen_adders_under_a_limit_of_one
            in_the_callers_transaction
            as_another_program_does
            a_hundred_thousand_by_other_programs
        }
        claiming {
            first_in_first_out_by_priority
            what_is_paused_or_excepted_stays
            behind_many_that_are_paused
            no_task_twice_among_many_claimers
            damaged_rows_do_not_stop_their_neighbours
        }
        cron {
            each_instant_once
            by_three_nodes
            many_at_once
            old_ones_are_forgotten
            paused
            counted_by_fate_and_lag
            many_by_three_nodes
            first_seen_and_busy
            a_changed_schedule_is_remembered
            taken_in_part
            by_two_who_waited_for_the_row
            without_its_row
        }
        failures {
            found_and_remembered
        }
        finishing {
            each_end
            after_a_reclaim_nothing_changes
            finishing_and_claiming_in_one
            large_batches
        }
        held_tasks {
            a_retry_comes_when_it_is_due
            by_hand_and_by_type
        }
        locking {
            renewing_tells_what_is_left
            reclaiming_counts_crashes
            reclaiming_spares_types
            a_heartbeat_before_the_reclaim
            a_heartbeat_during_the_reclaim
            no_row_is_no_death
            a_lock_that_moved_is_left_alone
            finishing_against_reclaiming
            broken_connections_are_replaced
        }
        looking {
            every_state
            explained
            cancelled
            instances
            kept_and_forgotten
        }
        payloads {
            arrive_as_given
        }
        odd_rows {
            any_value_in_any_column
        }
        large_rows {
            data_beyond_the_limit
            texts
            very_many_types
        }
        random_rows {
            any_value_in_any_column
        }
        planning {
            moved_when_due
            by_two_managers_once
            after_a_manager_died
        }
        processes {
            each_task_in_one_of_them
            one_is_killed
        }
        refusals {
            of_single_tasks
            of_an_id_that_is_held
            of_what_a_task_printed
            of_everything
            of_one_cron_task
        }
        rights {
            nothing_is_missing
        }
        schema {
            made_twice_and_taken_away
            a_copy_is_noticed
            a_renamed_host_works_on
            without_tables
            by_many_at_once
        }
        searching {
            by_everything
            in_parts
            a_time_has_its_row
            tallied
        }
        waking {
            by_each_way_to_add
            before_the_waiting
            by_a_freed_lock
            by_the_stores_notifier
        }
    }
    {
        cutting {
            before_the_server_has_it
            after_the_server_did_it
            away_and_back
            a_heartbeat_on_a_dead_connection
            a_heartbeat_beside_connections_that_wait
        }
        outcomes {
            as_it_is_said
            found_by_the_second_try
        }
        home {
            claimed_and_finished
            perls_rows
            wall_clock
            cron_beside_perl
            cron_behind_perl
            last_due_in_the_repeated_hour
            woken_by_perl
            any_value_in_any_column
            rights
            the_ledger_takes_nothing_for_a_while
        }
        tls {
            a_server_elsewhere_without_tls_is_refused
        }
    }
}
