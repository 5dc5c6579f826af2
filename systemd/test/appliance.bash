# The appliance: what a package and an administrator put into the machine.
# shellcheck shell=bash disable=SC2154 # $here, $repo, $root, $work are of run and machine.bash

pin=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')

# The people and systems of the checks, and the group that each is in.
declare -A groups=(
    [oa]=signet-clients       # a document system that the policy allows
    [portal]=signet-clients   # another one
    [stranger]=signet-clients # one that may connect and that no policy names
    [outsider]=users          # has nothing to do here
    [officer]=signet-admin
    [auditor]=signet-audit
)

install_appliance() {
    local bin=${SIGNET_TEST_BIN:-$work/bin}
    [[ -n ${SIGNET_TEST_BIN-} ]] || build_binaries "$bin"
    install -D -m 0755 -t "$root/usr/sbin" "$bin/signetd"
    install -D -m 0755 -t "$root/usr/bin" "$bin/signetctl"
    install -D -m 0755 -t "$root/usr/lib/signet-test" "$bin/libsignet-sm2shim.so" "$bin/signet-inittoken"
    "$repo/systemd/install" "$root"
    install -D -m 0644 -t "$root/etc/signet" "$here"/files/signetd.toml "$here"/files/softhsm2.conf
    install -D -m 0644 -t "$root/etc/systemd/system/signetd.service.d" \
        "$repo"/systemd/examples/pin.conf "$repo"/systemd/examples/softhsm.conf
    chroot "$root" systemd-sysusers 2>/dev/null
    chroot "$root" journalctl --update-catalog
    chown "$(chroot "$root" id -u signet):$(chroot "$root" id -g signet)" "$work/state"
    chmod 0700 "$work/state"
    add_people
    make_token
}

build_binaries() {
    mkdir -p "$1"
    go build -C "$repo" -o "$1/signetd" ./daemon/cmd/signetd
    CGO_ENABLED=0 go build -C "$repo" -o "$1/signetctl" ./daemon/cmd/signetctl
    make -s -C "$repo/testsoftHSM/shim" OUT="$1"
}

add_people() {
    local user
    for user in "${!groups[@]}"; do
        chroot "$root" useradd --no-create-home --shell /usr/sbin/nologin --groups "${groups[$user]}" "$user"
    done
}

# make_token: through the shim's own tool, which takes the PINs (SO, user) on
# its standard input; arguments can be read by everybody.
make_token() {
    chroot "$root" install -d -m 0700 -o signet -g signet /var/lib/signet-softhsm /var/lib/signet-softhsm/tokens
    chroot "$root" install -m 0644 /dev/null /var/lib/signet-softhsm/faults
    printf '%s\n%s\n' "$pin" "$pin" |
        chroot "$root" setpriv --reuid=signet --regid=signet --clear-groups \
            env SOFTHSM2_CONF=/etc/signet/softhsm2.conf /usr/lib/signet-test/signet-inittoken \
            /usr/lib/softhsm/libsofthsm2.so seals >/dev/null
}

# provide_pin PIN: seals it to the running machine, as an administrator does.
provide_pin() {
    inside install -d -m 0700 /etc/credstore.encrypted
    printf %s "$1" |
        inside systemd-creds encrypt --name=pin-seals - /etc/credstore.encrypted/pin-seals 2>"$work/creds" ||
        die "systemd-creds: $(<"$work/creds")"
}
