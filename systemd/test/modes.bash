# Checks of the modes that a person must end: the daemon stays and says so.
# shellcheck shell=bash disable=SC2154 # $pin is appliance.bash's

token_is() {
    as officer signetctl token status seals --json | grep -q "\"state\": *\"$1\""
}

# logins WANT: how often the daemon that runs now has asked the token to judge
# a PIN.
logins() {
    same "logins" "$(inside grep -c "^$(property MainPID) .*user=1 called" /var/lib/signet-softhsm/logins)" "$1"
}

# A token without its PIN is no reason for the daemon to be away.
starts_without_its_pin() {
    inside mv /etc/credstore.encrypted /etc/credstore.away
    trap 'inside mv /etc/credstore.away /etc/credstore.encrypted; inside systemctl restart signetd.service' EXIT
    expect 0 inside systemctl restart signetd.service
    wait_for 20 "token down" token_is down
    in_mode degraded || { echo "mode is not degraded: $(status)"; return 1; }
    contains "status" "$(status auditor)" '/pin-seals: no such file'
    expect 9 sign_as oa
    wait_for 10 "token-down" has_entry token-down SIGNET_TOKEN=seals
    logins 0
}

# latched_after_restart LOGINS: the token is latched, and the new daemon has
# asked it that often.
latched_after_restart() {
    expect 0 inside systemctl restart signetd.service
    wait_for 20 "token latched" token_is latched
    in_mode degraded || { echo "mode is not degraded: $(status)"; return 1; }
    logins "$1"
}

# Each try of a wrong PIN brings the token nearer to being locked: one, also
# over restarts and callers. A changed PIN is another one and needs nobody.
wrong_pin_is_tried_once() {
    wait_for_mode serving # no-pin ended with a restart
    provide_pin 00000000
    trap 'provide_pin "$pin"; inside systemctl restart signetd.service' EXIT
    latched_after_restart 1
    expect 9 sign_as oa
    logins 1
    latched_after_restart 0
    wait_for 10 "pin-latched" has_entry pin-latched SIGNET_TOKEN=seals
    contains "mode show" "$(as officer signetctl mode show)" "signetctl token clear-pin seals"
    trap - EXIT
    provide_pin "$pin"
    expect 0 inside systemctl restart signetd.service
    wait_for_mode serving
    logins 1
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
    local pid
    set_faults 'C_Login=0xA0*1' # the first of each process
    trap 'set_faults ""' EXIT
    latched_after_restart 1
    set_faults ''
    latched_after_restart 0
    pid=$(property MainPID)
    expect 0 as officer signetctl token clear-pin seals
    wait_for_mode serving
    same "MainPID" "$(property MainPID)" "$pid"
    logins 1
    expect 0 sign_as oa
    wait_for 10 "act-applied" has_entry act-applied SIGNET_ACT=token.clear-pin SIGNET_TARGET=seals
}

# The mark of a failed sync, as the daemon writes it. Each of the three
# sockets answers, nobody is tempted to restart, and an act ends it.
poisoned_stays_up_until_cleared() {
    local uses pid mark=/run/signet/state/poisoned
    uses=$(allowed_uses)
    inside setpriv --reuid=signet --regid=signet --clear-groups -- sh -c "echo 'input/output error' >$mark"
    trap 'inside rm -f '"$mark" EXIT
    expect 0 inside systemctl restart signetd.service
    pid=$(property MainPID)
    in_mode poisoned || { echo "mode is not poisoned: $(status)"; return 1; }
    contains "status on audit.sock" "$(status auditor)" '"mode":"poisoned"'
    contains "sign.sock" "$(sign_as oa 2>&1 || true)" "signetctl mode clear"
    expect 3 sign_as oa
    expect 3 as officer signetctl key suspend contracts --why check
    same "MainPID" "$(property MainPID)" "$pid"
    expect 0 inside systemctl restart signetd.service
    in_mode poisoned || { echo "a restart ended the mode: $(status)"; return 1; }
    pid=$(property MainPID)
    wait_for 10 "mode-changed to poisoned" has_entry mode-changed SIGNET_MODE=poisoned
    expect 0 as officer signetctl mode clear
    expect 1 inside test -e "$mark"
    comes_back "$uses"
    same "MainPID" "$(property MainPID)" "$pid"
    same "NRestarts" "$(property NRestarts)" 0
    expect 0 inside systemctl restart signetd.service
    comes_back $((uses + 1))
    wait_for 10 "act-applied" has_entry act-applied SIGNET_ACT=mode.clear
}

# A store that is gone is not made anew: that would forget uses and
# suspensions. Put back, it is the one that was.
missing_store_is_not_made_anew() {
    local uses store=/var/lib/signet/signet.db
    uses=$(allowed_uses)
    inside systemctl stop signetd.service
    inside mv "$store" "$store.away"
    trap "inside mv -f $store.away $store; inside systemctl restart signetd.service" EXIT
    expect 0 inside systemctl start signetd.service
    in_mode recovery || { echo "mode is not recovery: $(status)"; return 1; }
    expect 3 as officer signetctl init --crypto mixed
    expect 3 sign_as oa
    expect 1 inside test -e "$store"
    wait_for 10 "recovery" has_entry recovery
    inside systemctl stop signetd.service
    inside mv "$store.away" "$store"
    trap - EXIT
    expect 0 inside systemctl start signetd.service
    comes_back "$uses"
}
