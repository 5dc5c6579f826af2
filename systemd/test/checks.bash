# The checks, in the order of an appliance's first day. Each is a function that
# run's check() calls under set -e; what it prints is why it failed.
# shellcheck shell=bash disable=SC2154 # $passed is run's, the functions are of the files beside this one

run_checks() {
    check units-verify units_verify
    check ready reaches_ready
    [[ $passed == yes ]] || return 0 # nothing below can say anything then
    check not-root runs_as_signet
    check exposure exposure_is_low
    check sockets sockets_are_as_designed
    check outsiders-kept-out outsiders_cannot_connect
    check uninitialised uninitialised_says_so
    check init initialises
    [[ $passed == yes ]] || return 0
    check keys keys_are_made_and_activated
    check sign-sm2 openssl_accepts contracts -sm3 -sigopt distid:1234567812345678
    check sign-p256 openssl_accepts notices -sha256
    check refused strangers_and_purposes_are_refused
    check log auditor_reads_every_event
    check journal journal_has_ids_and_fields
    check catalog journal_explains_in_both_languages

    check restart entries_outlive_a_restart
    check stop-start a_stop_keeps_the_sockets
    check kill entries_outlive_a_kill
    check restart-under-load restart_refuses_no_connection
    check faulty-configuration faulty_configuration_fails_no_socket

    check no-pin starts_without_its_pin
    check wrong-pin wrong_pin_is_tried_once
    check clear-pin officer_clears_the_latch
    check poisoned poisoned_stays_up_until_cleared
    check recovery missing_store_is_not_made_anew

    uses_before=$(allowed_uses) events_before=$(status_number events)
    reboot_machine
    check reboot comes_back_after_a_reboot
    check journal-complete every_explanation_is_complete
}

# expect STATUS COMMAND...: the exit status, or its output and status as why.
expect() {
    local want=$1 got=0 out
    shift
    out=$("$@" 2>&1) || got=$?
    [[ $got -eq $want ]] && return
    echo "$* ended with status $got, want $want: $out"
    return 1
}

# same WHAT GOT WANT
same() {
    [[ $2 == "$3" ]] && return
    echo "$1 is not as wanted (< is, > should be):"
    diff <(echo "$2") <(echo "$3") | grep '^[<>]'
    return 1
}

# contains WHAT TEXT PART
contains() {
    [[ $2 == *"$3"* ]] && return
    echo "$1 does not say \"$3\": ${2:-nothing}"
    return 1
}
