# Checks of the journal: ids, fields, and the catalog's words.
# shellcheck shell=bash disable=SC2154 # $here is run's

# entry_of NAME [FIELD=VALUE...]: the newest journal entry of that message, in
# export form.
entry_of() {
    local name=$1
    shift
    inside journalctl -u signetd --no-pager -n 1 -o export "SIGNET_MESSAGE=$name" "$@"
}

# id_of NAME: its MESSAGE_ID as published.
id_of() {
    awk -v name="$1" '$4 == name { print $2 }' "$here/../doc.go"
}

# has_entry NAME [FIELD=VALUE...]: with its id, sent by the daemon's user.
has_entry() {
    local entry
    entry=$(entry_of "$@")
    grep -qx "MESSAGE_ID=$(id_of "$1")" <<<"$entry" && grep -qx "_UID=$(inside id -u signet)" <<<"$entry"
}

# The journal writes behind the daemon, hence the waits.
journal_has_ids_and_fields() {
    local officer stranger
    officer=$(inside id -u officer) stranger=$(inside id -u stranger)
    wait_for 10 "started" has_entry started SIGNET_MODE=uninitialised
    wait_for 10 "mode-changed to serving" has_entry mode-changed SIGNET_MODE=serving
    wait_for 10 "token-up" has_entry token-up SIGNET_TOKEN=seals
    wait_for 10 "act-applied" has_entry act-applied SIGNET_ACT=key.create SIGNET_TARGET=contracts "SIGNET_UID=$officer"
    wait_for 10 "refusals" has_entry refusals SIGNET_ENTRY=contracts "SIGNET_UID=$stranger" SIGNET_REASON=not_a_caller
    wait_for 90 "uses, at the end of the minute" has_entry uses SIGNET_ENTRY=contracts
    entry_of refusals "SIGNET_UID=$stranger" | grep -qE '^SIGNET_EVENT=[0-9]+$' || { echo "refusals does not name its event"; return 1; }
}

# explained VARIABLE=LOCALE NAME: that message with the catalog's text.
explained() {
    inside env "$1" journalctl -x -u signetd --no-pager -n 1 "SIGNET_MESSAGE=$2"
}

journal_explains_in_both_languages() {
    local name
    for name in started mode-changed token-up act-applied refusals uses; do
        contains "journalctl -x, English, $name" "$(explained LANG=C.UTF-8 $name)" 'What to do: '
        contains "journalctl -x, LANG, $name" "$(explained LANG=zh_CN.UTF-8 $name)" '处置：'
        contains "journalctl -x, LC_MESSAGES, $name" "$(explained LC_MESSAGES=zh_CN.UTF-8 $name)" '下一步命令：'
    done
}

# A field that a catalog entry asks for and the daemon does not send stands in
# the text as its bare name, one that is empty as a hole.
every_explanation_is_complete() {
    local lines
    lines=$(inside journalctl -x -u signetd --no-pager)
    contains "journalctl -x after the reboot" "$lines" 'What happened:'
    same "bare names of fields" "$(grep -E '^.. .*(@|SIGNET_[A-Z])' <<<"$lines" | sort | uniq -c)" ""
    same "empty fields" "$(inside journalctl -u signetd --no-pager -o export | grep -aE '^SIGNET_[A-Z_]+=$' | sort | uniq -c)" ""
    same "internal errors" "$(inside journalctl -u signetd --no-pager -o cat SIGNET_MESSAGE=internal-error)" ""
}
