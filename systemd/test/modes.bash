# Checks of the modes that a person must end: the daemon stays and says so.
# shellcheck shell=bash disable=SC2154 # $pin is appliance.bash's

token_is() {
    as officer signetctl token status seals --json | grep -q "\"state\": *\"$1\""
}

# logins: how often the token was asked to judge a PIN, ever.
logins() {
    inside grep -c 'user=1 called' /var/lib/signet-softhsm/logins
}

# A token without its PIN is no reason for the daemon to be away.
starts_without_its_pin() {
    local before
    before=$(logins)
    inside mv /etc/credstore.encrypted /etc/credstore.away
    trap 'inside mv /etc/credstore.away /etc/credstore.encrypted; inside systemctl restart signetd.service' EXIT
    expect 0 inside systemctl restart signetd.service
    wait_for 20 "token down" token_is down
    in_mode degraded || { echo "mode is not degraded: $(status)"; return 1; }
    contains "status" "$(status auditor)" '/pin-seals: no such file'
    expect 9 sign_as oa
    wait_for 10 "token-down" has_entry token-down SIGNET_TOKEN=seals
    same "logins without a PIN" "$(($(logins) - before))" 0
}

# latched_after_restart LOGINS: still latched, and the token was asked that
# often in all.
latched_after_restart() {
    expect 0 inside systemctl restart signetd.service
    wait_for 20 "token latched" token_is latched
    in_mode degraded || { echo "mode is not degraded: $(status)"; return 1; }
    same "logins" "$(logins)" "$1"
}

# Each try of a wrong PIN brings the token nearer to being locked: one, also
# over restarts and callers. A changed PIN is another one and needs nobody.
wrong_pin_is_tried_once() {
    local before
    wait_for_mode serving # no-pin ended with a restart
    before=$(logins)
    provide_pin 00000000
    trap 'provide_pin "$pin"; inside systemctl restart signetd.service' EXIT
    latched_after_restart $((before + 1))
    expect 9 sign_as oa
    latched_after_restart $((before + 1))
    wait_for 10 "pin-latched" has_entry pin-latched SIGNET_TOKEN=seals
    contains "mode show" "$(as officer signetctl mode show)" "signetctl token clear-pin seals"
    trap - EXIT
    provide_pin "$pin"
    expect 0 inside systemctl restart signetd.service
    wait_for_mode serving
    same "logins" "$(logins)" $((before + 2))
    expect 0 sign_as oa
}

# set_faults TEXT: replaced whole, as the shim reads it at any moment.
set_faults() {
    inside sh -c 'cat >/var/lib/signet-softhsm/faults.new && mv /var/lib/signet-softhsm/faults.new /var/lib/signet-softhsm/faults' <<<"$1"
}

# The PIN is right and the token says it is not (0xA0, CKR_PIN_INCORRECT).
# Nothing but the officer's word lets the daemon try again, and it need not
# restart for that.
officer_clears_the_latch() {
    local before pid
    before=$(logins)
    set_faults 'C_Login=0xA0'
    trap 'set_faults ""' EXIT
    latched_after_restart $((before + 1))
    set_faults ''
    latched_after_restart $((before + 1))
    pid=$(property MainPID)
    expect 0 as officer signetctl token clear-pin seals
    wait_for_mode serving
    same "MainPID" "$(property MainPID)" "$pid"
    same "logins" "$(logins)" $((before + 2))
    expect 0 sign_as oa
    wait_for 10 "act-applied" has_entry act-applied SIGNET_ACT=token.clear-pin SIGNET_TARGET=seals
}

# The mark of a failed sync, as the daemon writes it. Each of the three
# sockets answers, nobody is tempted to restart, and an act ends it.
poisoned_stays_up_until_cleared() {
    local uses restarts mark=/run/signet/state/poisoned
    uses=$(allowed_uses)
    inside setpriv --reuid=signet --regid=signet --clear-groups -- sh -c "echo 'input/output error' >$mark"
    trap 'inside rm -f '"$mark" EXIT
    expect 0 inside systemctl restart signetd.service
    restarts=$(property NRestarts)
    in_mode poisoned || { echo "mode is not poisoned: $(status)"; return 1; }
    contains "status on audit.sock" "$(status auditor)" '"mode":"poisoned"'
    contains "sign.sock" "$(sign_as oa 2>&1 || true)" "signetctl mode clear"
    expect 3 sign_as oa
    expect 3 as officer signetctl key suspend contracts --why check
    expect 0 inside systemctl restart signetd.service
    in_mode poisoned || { echo "a restart ended the mode: $(status)"; return 1; }
    same "NRestarts" "$(property NRestarts)" "$restarts"
    wait_for 10 "mode-changed to poisoned" has_entry mode-changed SIGNET_MODE=poisoned
    expect 0 as officer signetctl mode clear
    expect 1 inside test -e "$mark"
    comes_back "$uses"
    expect 0 inside systemctl restart signetd.service
    comes_back $((uses + 1))
    wait_for 10 "act-applied" has_entry act-applied SIGNET_ACT=mode.clear
}
