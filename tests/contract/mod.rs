//! What a remote shell promises, checked over every transport and every shell: one suite, and one
//! line per peer.
#![expect(clippy::unwrap_used, reason = "tests")]

mod commands;
mod lease;
mod limits;
mod logins;
pub(crate) mod lost;
pub(crate) mod peer;
mod ssh;
mod steps;
mod sudo;

/// Runs every check against a peer.
macro_rules! contract {
    ($module:ident, $peer:expr) => {
        contract! { $module, $peer,
            steps: status_and_values_come_in_order, a_failure_holds_back_the_rest_of_its_epoch,
                items_fail_one_by_one, status_75_holds_back_everything, text_survives_in_a_line_and_in_a_body,
                payloads_arrive_exactly, a_held_back_payload_stays_here, blobs_are_exact,
                a_text_cannot_disturb_the_next, errors_of_trusted_text_come_with_a_failure,
                many_steps_in_one_body_keep_their_order;
            commands: output_is_exact_and_apart, surroundings_are_those_of_the_login,
                a_command_has_its_own_session_and_nothing_of_ours, signals_are_statuses,
                signals_to_the_shell_do_not_end_it, arguments_arrive_exactly, a_daemon_does_not_hold_the_session,
                a_daemon_does_not_write_into_later_steps, output_is_live, a_large_output_is_exact;
            limits: the_time_limit_ends_the_group, what_ignores_term_is_killed, output_beyond_the_cap_is_counted,
                an_endless_output_neither_grows_nor_dies, a_slow_consumer_gets_everything,
                an_interrupt_ends_the_command;
            lost: closing_runs_what_was_sent_and_leaves_nothing, a_dead_controller_runs_no_queued_step,
                a_body_cut_off_does_not_run, a_killed_shell_is_reported, a_lost_lease_stops_everything;
            lease: one_of_many_racers_gets_it, sessions_of_a_run_join_and_the_last_one_frees_it,
                a_claim_that_ran_out_starts_nothing_and_is_taken_over,
                a_higher_incarnation_waits_for_the_step_in_hand_only, a_step_that_outlives_its_limit_is_ended,
                a_claim_of_an_earlier_boot_does_not_count, renewing_keeps_a_claim_and_brings_none_back,
                a_lease_is_shown_and_broken, a_base_of_others_has_its_lease_aside, old_claims_are_collected;
        }
    };
    ($module:ident, $peer:expr, $($area:ident: $($check:ident),+;)+) => {
        mod $module {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    super::peer::within_limit(super::$area::$check(&$peer)).await;
                }
            )+)+
        }
    };
}

contract!(local_dash, crate::contract::peer::local("/bin/dash"));
contract!(local_bash, crate::contract::peer::local("/bin/bash"));
contract!(local_posix_bash, crate::contract::peer::local("/bin/bash --posix"));
contract!(local_busybox, crate::contract::peer::local_busybox());
contract!(ssh_lab, crate::contract::ssh::lab("/bin/sh"));
contract!(ssh_openssh, crate::contract::ssh::openssh("/bin/sh"));
contract!(ssh_openssh_busybox, crate::contract::ssh::openssh("/bin/busybox sh"));
