# The checks, in the order of an appliance's first day. Each is a function that
# run's check() calls under set -e; what it prints is why it failed.
# shellcheck shell=bash disable=SC2154 # $here and $work are of run and its other parts

run_checks() {
    check units-verify units_verify
    check ready reaches_ready
    [[ $passed == yes ]] || return 0 # nothing below can say anything then
    check not-root runs_as_signet
    check exposure exposure_is_low
    check sockets sockets_are_as_designed
    check outsiders-kept-out outsiders_cannot_connect
    check init initialises
    [[ $passed == yes ]] || return 0
    check key key_is_made_and_activated
    check sign allowed_caller_signs
    check refused stranger_is_refused
    check journal journal_has_ids_and_fields
    check catalog journal_explains_in_both_languages
    check restart entries_outlive_a_restart
    check restart-under-load restart_refuses_no_connection
    check faulty-configuration faulty_configuration_fails_no_socket
    check no-pin starts_without_its_pin
    uses_before_reboot=$(allowed_uses)
    reboot_machine
    check reboot comes_back_after_a_reboot
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

property() {
    inside systemctl show --value --property="$1" signetd.service
}

is_active() {
    inside systemctl is-active --quiet "$@"
}

sockets=(signetd-sign.socket signetd-admin.socket signetd-audit.socket)

# verify also finds misspelt keys, which systemd only warns about.
units_verify() {
    same "systemd-analyze verify" "$(inside systemd-analyze verify signetd.service "${sockets[@]}" 2>&1)" ""
}

# enable --now of a Type=notify unit returns when it said READY.
reaches_ready() {
    expect 0 inside systemctl enable --quiet --now "${sockets[@]}" signetd.service
    same "ActiveState" "$(property ActiveState)" active
    [[ -n $(property StatusText) ]] || { echo "READY came without a status line"; return 1; }
}

runs_as_signet() {
    local uid gid status
    uid=$(inside id -u signet) gid=$(inside id -g signet)
    status=$(inside cat "/proc/$(property MainPID)/status")
    same "Uid" "$(awk '/^Uid:/ {print $2,$3,$4,$5}' <<<"$status")" "$uid $uid $uid $uid"
    same "Groups" "$(awk '/^Groups:/ {$1=""; print}' <<<"$status" | xargs)" "$gid"
    same "CapEff" "$(awk '/^CapEff:/ {print $2}' <<<"$status")" 0000000000000000
    same "CapBnd" "$(awk '/^CapBnd:/ {print $2}' <<<"$status")" 0000000000000000
    same "NoNewPrivs" "$(awk '/^NoNewPrivs:/ {print $2}' <<<"$status")" 1
}

exposure_is_low() {
    expect 0 inside systemd-analyze security --threshold=5 --no-pager signetd.service
}

sockets_are_as_designed() {
    same "ownership" "$(inside sh -c "stat -c '%n %a %U %G' /run/signet/* /run/signet/*/*.sock")" "\
/run/signet/admin 755 root root
/run/signet/audit 755 root root
/run/signet/sign 755 root root
/run/signet/state 700 signet signet
/run/signet/admin/admin.sock 660 root signet-admin
/run/signet/audit/audit.sock 660 root signet-audit
/run/signet/sign/sign.sock 660 root signet-clients"
}

# Status 7: the daemon is not reachable, as connect() says EACCES.
outsiders_cannot_connect() {
    expect 7 as outsider signetctl status --json
    expect 7 as oa signetctl key list
    expect 7 as officer signetctl sign contracts --file /etc/hostname --purpose contract --out /tmp/none
    expect 7 as auditor signetctl init --crypto mixed
}

initialises() {
    expect 0 as officer signetctl init --crypto mixed
    wait_for 20 "mode serving" serving
}

serving() {
    as officer signetctl status --json | grep -q '"mode": *"serving"'
}

key_is_made_and_activated() {
    sed -e "s/@OA@/$(inside id -u oa)/" -e "s/@PORTAL@/$(inside id -u portal)/" "$here/files/contracts.toml" |
        inside tee /etc/signet/contracts.toml >/dev/null
    expect 0 as officer signetctl key create contracts --token seals --type SM2
    expect 0 as officer signetctl policy set contracts /etc/signet/contracts.toml
    expect 0 as officer signetctl key activate contracts
}

# sign_as USER: one request, its status.
sign_as() {
    as "$1" signetctl sign contracts --file /etc/hostname --purpose contract --out "/tmp/$1.sig"
}

allowed_caller_signs() {
    expect 0 sign_as oa
    expect 0 inside test -s /tmp/oa.sig
}

# Status 3: refused for good. Nothing of a signature is left behind.
stranger_is_refused() {
    expect 3 sign_as stranger
    expect 1 inside test -e /tmp/stranger.sig
}

# entry_of NAME: the newest journal entry of that message, in export form.
entry_of() {
    inside journalctl -u signetd --no-pager -n 1 -o export "SIGNET_MESSAGE=$1"
}

# id_of NAME: its MESSAGE_ID as published.
id_of() {
    awk -v name="$1" '$4 == name { print $2 }' "$here/../doc.go"
}

has_id() {
    entry_of "$1" | grep -qx "MESSAGE_ID=$(id_of "$1")"
}

# A refusal is written with others of its minute, hence the wait.
journal_has_ids_and_fields() {
    wait_for 10 "the entry started" has_id started
    entry_of started | grep -q '^SIGNET_MODE=.' || { echo "started has no SIGNET_MODE"; return 1; }
    wait_for 10 "the entry act-applied" has_id act-applied
    wait_for 90 "the entry refusals" has_id refusals
    entry_of refusals | grep -qx "SIGNET_UID=$(inside id -u stranger)" || { echo "refusals does not name the uid"; return 1; }
    entry_of refusals | grep -qx "_UID=$(inside id -u signet)" || { echo "refusals is not from user signet"; return 1; }
}

journal_explains_in_both_languages() {
    inside journalctl -x -u signetd --no-pager SIGNET_MESSAGE=started | grep -q 'What happened: The signing daemon' ||
        { echo "journalctl -x does not explain in English"; return 1; }
    inside env LANG=zh_CN.UTF-8 journalctl -x -u signetd --no-pager SIGNET_MESSAGE=started | grep -q '发生了什么：签名守护进程' ||
        { echo "journalctl -x does not explain in Chinese"; return 1; }
}

# allowed_uses: how many uses the log has. Reading it adds events of kind read.
allowed_uses() {
    as auditor signetctl log list --json | { grep -o '"kind": *"sign"' || true; } | wc -l
}

entries_outlive_a_restart() {
    local before
    before=$(allowed_uses)
    [[ $before -ge 1 ]] || { echo "the log has no use"; return 1; }
    expect 0 inside systemctl restart signetd.service
    wait_for 20 "mode serving" serving
    same "allowed uses after the restart" "$(allowed_uses)" "$before"
    wait_for 20 "a signature after the restart" sign_as oa
}

# caller USER FILE: asks until /run/stop is there, one exit status a line.
caller() {
    # shellcheck disable=SC2016 # the machine's shell expands these
    as "$1" bash -c '
        until [[ -e /run/stop ]]; do
            status=0
            signetctl sign contracts --file /etc/hostname --purpose contract --out "/tmp/load.$$.sig" >/dev/null 2>&1 || status=$?
            echo "$status"
        done' >"$2"
}

# grown FILE LINES
grown() {
    [[ $(wc -l <"$1") -gt $2 ]]
}

# Five restarts; between two, every caller got an answer. Statuses: 0 signed,
# 3 refused (the stranger), 4 to be tried again. 7 would be a refused connect,
# anything else a broken answer.
restart_refuses_no_connection() {
    local load=$work/load user file i callers=() files=()
    mkdir -p "$load"
    inside rm -f /run/stop
    for user in oa oa oa portal portal stranger; do
        file=$load/${#callers[@]}.$user
        : >"$file"
        caller "$user" "$file" &
        callers+=($!)
        files+=("$file")
    done
    trap 'inside touch /run/stop; wait "${callers[@]}"' EXIT
    for ((i = 0; i < 5; i++)); do
        for file in "${files[@]}"; do
            wait_for 30 "an answer to $file" grown "$file" "$(wc -l <"$file")"
        done
        expect 0 inside systemctl restart signetd.service
    done
    for file in "${files[@]}"; do
        wait_for 30 "an answer to $file after the last restart" grown "$file" "$(wc -l <"$file")"
    done
    inside touch /run/stop
    wait "${callers[@]}"
    same "statuses of allowed callers besides 0 and 4" "$(sort "$load"/*.oa "$load"/*.portal | grep -vxE '0|4' | uniq -c | xargs)" ""
    same "statuses of the stranger besides 3 and 4" "$(sort "$load"/*.stranger | grep -vxE '3|4' | uniq -c | xargs)" ""
    for file in "$load"/*.oa "$load"/*.portal; do
        grep -qx 0 "$file" || { echo "no signature in $file"; return 1; }
    done
}

restarted_twice() {
    [[ $(property NRestarts) -ge 2 ]]
}

# A daemon that cannot start is tried again, the sockets stay, and who called
# meanwhile is answered once it is mended, without anybody starting anything.
faulty_configuration_fails_no_socket() {
    local config=/etc/signet/signetd.toml waiting socket status=0
    inside cp "$config" /etc/signet/good
    # shellcheck disable=SC2064
    trap "inside cp /etc/signet/good $config" EXIT
    echo 'faulty = [' | inside tee "$config" >/dev/null
    inside systemctl restart signetd.service >/dev/null 2>&1 || true
    sign_as oa >/dev/null 2>&1 &
    waiting=$!
    wait_for 20 "two restarts" restarted_twice
    for socket in "${sockets[@]}"; do
        is_active "$socket" || { echo "$socket is not active"; return 1; }
    done
    inside cp /etc/signet/good "$config"
    wait_for 20 "the service after mending" is_active signetd.service
    wait "$waiting" || status=$?
    [[ $status -eq 0 || $status -eq 4 ]] || { echo "the waiting caller ended with status $status, want 0 or 4"; return 1; }
    wait_for 20 "a signature after mending" sign_as oa
}

# A token without its PIN is no reason for the daemon to be away.
starts_without_its_pin() {
    inside mv /etc/credstore.encrypted /etc/credstore.away
    trap 'inside mv /etc/credstore.away /etc/credstore.encrypted; inside systemctl restart signetd.service' EXIT
    expect 0 inside systemctl restart signetd.service
    expect 0 as officer signetctl status --json
}

# The directories come from tmpfiles, the sockets from sockets.target.
comes_back_after_a_reboot() {
    sockets_are_as_designed
    wait_for 20 "mode serving" serving
    same "allowed uses after the reboot" "$(allowed_uses)" "$uses_before_reboot"
    wait_for 20 "a signature after the reboot" sign_as oa
}
