# Checks of what systemd makes of the units: sandbox, sockets, who may connect.
# shellcheck shell=bash

sockets=(signetd-sign.socket signetd-admin.socket signetd-audit.socket)

property() {
    inside systemctl show --value --property="$1" signetd.service
}

is_active() {
    inside systemctl is-active --quiet "$@"
}

# verify also finds misspelt keys, which systemd only warns about.
units_verify() {
    same "systemd-analyze verify" "$(inside systemd-analyze verify signetd.service "${sockets[@]}" 2>&1)" ""
}

# enable --now of a Type=notify unit returns when it said READY.
reaches_ready() {
    expect 0 inside systemctl enable --quiet --now "${sockets[@]}" signetd.service
    same "ActiveState" "$(property ActiveState)" active
    contains "StatusText" "$(property StatusText)" "mode is uninitialised"
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

sockets_are_active() {
    local socket
    for socket in "${sockets[@]}"; do
        is_active "$socket" || { echo "$socket is not active"; return 1; }
    done
}

# Status 7: the daemon is not reachable, as connect() says EACCES.
outsiders_cannot_connect() {
    expect 7 as outsider signetctl status --json
    expect 7 as oa signetctl key list
    expect 7 as officer signetctl sign contracts --file /etc/hostname --purpose contract --out /tmp/none
    expect 7 as auditor signetctl init --crypto mixed
}
