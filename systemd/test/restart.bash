# Checks of what outlives the daemon: entries, log, sockets, waiting callers.
# shellcheck shell=bash disable=SC2154 # $here and $work are of run, $sockets is unit.bash's

# comes_back USES: serving, with that many uses in its log, and it signs.
comes_back() {
    wait_for_mode serving
    same "allowed uses" "$(allowed_uses)" "$1"
    expect 0 sign_as oa
}

entries_outlive_a_restart() {
    local uses
    uses=$(allowed_uses)
    [[ $uses -ge 1 ]] || { echo "the log has no use"; return 1; }
    expect 0 inside systemctl restart signetd.service
    comes_back "$uses"
}

# Who calls a stopped service starts it.
a_stop_keeps_the_sockets() {
    local uses
    uses=$(allowed_uses)
    expect 0 inside systemctl stop signetd.service
    same "Result" "$(property Result)" success
    sockets_are_as_designed
    sockets_are_active
    expect 0 status auditor
    is_active signetd.service || { echo "the call did not start the service"; return 1; }
    comes_back "$uses"
}

started_anew() {
    [[ $(property NRestarts) -gt $1 ]] && is_active signetd.service
}

entries_outlive_a_kill() {
    local uses restarts
    uses=$(allowed_uses) restarts=$(property NRestarts)
    inside sh -c "kill -KILL $(property MainPID)"
    wait_for 20 "the restart" started_anew "$restarts"
    comes_back "$uses"
}

# caller USER FILE: asks until /run/stop is there, one exit status a line, and
# what was said where it is neither signed, refused nor "try again".
caller() {
    # shellcheck disable=SC2016 # the machine's shell expands these
    as "$1" bash -c '
        until [[ -e /run/stop ]]; do
            status=0
            said=$(signetctl sign contracts --algorithm SM2-SM3 --sm2-e '"$(printf 'ab%.0s' {1..32})"' --purpose contract 2>&1 >/dev/null) || status=$?
            echo "$status"
            [[ $status =~ ^[034]$ ]] || echo "$said" >&2
        done' >"$2" 2>"$2.said"
}

# grown FILE LINES
grown() {
    [[ $(wc -l <"$1") -gt $2 ]]
}

# wait_for_answers FILE...: one more line in each.
wait_for_answers() {
    local file
    for file in "$@"; do
        wait_for 30 "an answer to ${file##*/}" grown "$file" "$(wc -l <"$file")"
    done
}

# Five restarts; between two, every caller got an answer. Statuses: 0 signed,
# 3 refused (the stranger), 4 to be tried again. 7 would be a refused connect,
# anything else a broken answer. And the log has each signature that arrived.
restart_refuses_no_connection() {
    local load=$work/load user file i uses callers=() files=()
    mkdir -p "$load"
    uses=$(allowed_uses)
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
        wait_for_answers "${files[@]}"
        expect 0 inside systemctl restart signetd.service
    done
    wait_for_answers "${files[@]}"
    inside touch /run/stop
    wait "${callers[@]}"
    same "statuses of allowed callers besides 0 and 4" "$(sort "$load"/*.oa "$load"/*.portal | grep -vxE '0|4' | uniq -c | xargs) $(sort "$load"/*.said | uniq -c)" " "
    same "statuses of the stranger besides 3 and 4" "$(sort "$load"/*.stranger | grep -vxE '3|4' | uniq -c | xargs)" ""
    for file in "$load"/*.oa "$load"/*.portal; do
        grep -qx 0 "$file" || { echo "no signature in $file"; return 1; }
    done
    same "uses in the log" "$(($(allowed_uses) - uses))" "$(cat "$load"/*.oa "$load"/*.portal | grep -cx 0)"
}

restarted_twice() {
    [[ $(property NRestarts) -ge 2 ]]
}

# A daemon that cannot start is tried again, the sockets stay, and who called
# meanwhile is answered once it is mended, without anybody starting anything.
faulty_configuration_fails_no_socket() {
    local config=/etc/signet/signetd.toml waiting status=0
    inside cp "$config" /etc/signet/good
    # shellcheck disable=SC2064
    trap "inside cp /etc/signet/good $config" EXIT
    echo 'faulty = [' | inside tee "$config" >/dev/null
    inside systemctl restart signetd.service >/dev/null 2>&1 || true
    sign_as oa >/dev/null 2>&1 &
    waiting=$!
    wait_for 20 "two restarts" restarted_twice
    sockets_are_active
    inside cp /etc/signet/good "$config"
    wait_for 20 "the service after mending" is_active signetd.service
    wait "$waiting" || status=$?
    [[ $status -eq 0 || $status -eq 4 ]] || { echo "the waiting caller ended with status $status, want 0 or 4"; return 1; }
    wait_for_mode serving
    expect 0 sign_as oa
}

# The directories come from tmpfiles, the sockets from sockets.target.
comes_back_after_a_reboot() {
    sockets_are_as_designed
    wait_for_mode serving
    [[ $(status_number events) -gt $events_before ]] || { echo "status counts no more events than the $events_before before the reboot, though a start is one"; return 1; }
    comes_back "$uses_before"
    openssl_accepts notices -sha256
}
