# Checks of the main job: keys made, files signed, callers refused, log read.
# shellcheck shell=bash disable=SC2154 # $here is run's

# status USER: what status says on the socket that the user may use.
status() {
    as "${1:-officer}" signetctl status --json
}

# status_number FIELD
status_number() {
    status | grep -oE "\"$1\": *[0-9]+" | head -n 1 | grep -oE '[0-9]+$'
}

in_mode() {
    status | grep -q "\"mode\": *\"$1\""
}

wait_for_mode() {
    wait_for 20 "mode $1" in_mode "$1"
}

# Init is offered, everything else is refused with the mode's name.
uninitialised_says_so() {
    in_mode uninitialised || { echo "mode is not uninitialised: $(status)"; return 1; }
    expect 3 as officer signetctl key create contracts --token seals --type SM2
    contains "key create before init" "$(as officer signetctl key create contracts --token seals --type SM2 2>&1 || true)" "signetctl init"
    contains "sign before init" "$(as oa signetctl sign contracts --file /etc/hostname --purpose contract 2>&1 || true)" "signetctl init"
}

initialises() {
    expect 0 as officer signetctl init --crypto mixed
    wait_for_mode serving
    expect 10 as officer signetctl init --crypto mixed # never a second time
}

keys_are_made_and_activated() {
    make_key contracts SM2 SM2-SM3
    make_key notices EC-P256 ECDSA-P256-SHA256
}

# make_key ENTRY TYPE ALGORITHM
make_key() {
    sed -e "s/@OA@/$(inside id -u oa)/" -e "s/@PORTAL@/$(inside id -u portal)/" -e "s/@ALGORITHM@/$3/" \
        "$here/files/policy.toml" | inside tee "/etc/signet/$1.toml" >/dev/null
    expect 0 as officer signetctl key create "$1" --token seals --type "$2"
    expect 0 as officer signetctl policy set "$1" "/etc/signet/$1.toml"
    expect 0 as officer signetctl key activate "$1"
}

# sign_as USER [ENTRY]: one request, its status.
sign_as() {
    as "$1" signetctl sign "${2:-contracts}" --file /etc/hostname --purpose contract --out "/tmp/$1.sig" --force
}

# openssl_accepts ENTRY OPTIONS...: over the file itself, and over no other.
openssl_accepts() {
    local entry=$1
    shift
    expect 0 sign_as oa "$entry"
    as officer signetctl key show "$entry" --public-key - | inside tee /tmp/key.pem >/dev/null
    expect 0 inside openssl dgst "$@" -verify /tmp/key.pem -signature /tmp/oa.sig /etc/hostname
    expect 1 inside openssl dgst "$@" -verify /tmp/key.pem -signature /tmp/oa.sig /etc/passwd
}

# Status 3: refused for good. Nothing of a signature is left behind. By e, not
# by file: who is in no policy is not told the public key that e is made with.
strangers_and_purposes_are_refused() {
    local e=(--algorithm SM2-SM3 --sm2-e "$(printf 'ab%.0s' {1..32})" --purpose)
    expect 3 as stranger signetctl sign contracts "${e[@]}" contract --out /tmp/stranger.sig
    expect 3 as oa signetctl sign contracts "${e[@]}" gift --out /tmp/stranger.sig
    same "files left behind" "$(inside find /tmp -name '*stranger.sig*')" ""
}

read_log() {
    as auditor signetctl log list --json
}

# uses_in: of a log on standard input. Keys of a line are sorted.
uses_in() {
    grep '"kind":"sign"' | grep -c '"result":"allowed"' || true
}

allowed_uses() {
    read_log | uses_in
}

# --json gives the whole log: every number from the genesis event on, no fewer
# events than status counted before.
auditor_reads_every_event() {
    local count log
    count=$(status_number events)
    log=$(read_log)
    same "numbers of the events" "$(grep -oE '"seq":[0-9]+' <<<"$log" | cut -d: -f2)" "$(seq 0 $(($(wc -l <<<"$log") - 1)))"
    [[ $(wc -l <<<"$log") -gt $count ]] || { echo "log list gives $(wc -l <<<"$log") events; status counted $count, and the reading is one more"; return 1; }
    same "first event" "$(head -n 1 <<<"$log" | grep -o '"kind":"[a-z]*"')" '"kind":"genesis"'
    same "allowed uses" "$(uses_in <<<"$log")" 2
    grep '"kind":"refuse"' <<<"$log" | grep -q "\"uid\":$(inside id -u stranger)[,}]" || { echo "the stranger's refusal is not in the log"; return 1; }
}
