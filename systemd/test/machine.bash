# The machine: one nspawn container over the image, ended with this process.
# shellcheck shell=bash disable=SC2154 # $cache and $image are image.bash's

work=     # this run's directory
root=     # the machine's root file system
nspawn=   # pid of systemd-nspawn
leader=   # pid, outside, of the machine's own PID 1

# make_root lays a writable layer over the image. The store gets a directory
# of the disk instead: an overlay is not what it has in production. What runs
# that were killed outright left behind goes first; no run takes an hour.
make_root() {
    find "$cache" -maxdepth 1 -name 'run.*' -mmin +60 -exec rm -rf --one-file-system {} +
    work=$(mktemp -d "$cache/run.XXXXXX")
    root=$work/root
    mkdir "$root" "$work/upper" "$work/overlay" "$work/state"
    mount -t overlay overlay -o "lowerdir=$image,upperdir=$work/upper,workdir=$work/overlay" "$root"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            echo "waited in vain for $what"
            return 1
        fi
        sleep 0.1
    done
}

# boot: --register=no and --keep-unit, as there may be no systemd out here to
# talk to; pdeathsig ends the machine if this process is killed outright.
boot() {
    setpriv --pdeathsig TERM systemd-nspawn --quiet --directory="$root" --boot \
        --register=no --keep-unit --private-network --console=pipe \
        --machine="signet-test-$$" --bind="$work/state:/var/lib/signet" \
        </dev/null >"$work/console" 2>&1 &
    nspawn=$!
    wait_for 60 "the machine's boot" booted || die "$(tail -n 5 "$work/console")"
}

# reboot_machine: with --keep-unit nspawn ends at a reboot and leaves the
# starting again to whoever started it.
reboot_machine() {
    inside systemctl reboot 2>/dev/null || true # may lose its connection to what it stops
    wait_for 30 "the machine's going down" ended || die "the machine does not reboot"
    wait "$nspawn" || true
    boot
}

booted() {
    leader=$(pgrep -P "$nspawn" -n) || return
    local state
    state=$(inside systemctl is-system-running 2>/dev/null) || true
    [[ $state == running || $state == degraded ]]
}

# inside COMMAND...: as root of the machine, in all its namespaces.
inside() {
    nsenter --target "$leader" --all -- /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 HOME=/ "$@"
}

# as USER COMMAND...: as that user, in the groups the machine gives him.
as() {
    local user=$1
    shift
    inside setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
}

cleanup() {
    if [[ -n $nspawn ]]; then
        kill -TERM "$nspawn" 2>/dev/null || true
        wait_for 20 "the machine's end" ended || kill -KILL "$nspawn" 2>/dev/null || true
        wait "$nspawn" 2>/dev/null || true
    fi
    [[ -z $root ]] || umount -R "$root" 2>/dev/null || true
    [[ -z $work ]] || rm -rf --one-file-system "$work"
}

# ended: a zombie has ended too; only wait, later, removes it.
ended() {
    [[ $(ps -o stat= -p "$nspawn") =~ ^(Z|$) ]]
}
