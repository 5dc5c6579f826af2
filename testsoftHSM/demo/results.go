package main

import (
	"fmt"
	"strings"
)

// results tells a stranger what lies in the folder of results.
func results(document string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Results of make demo

Run `+"`sh verify.sh`"+`: it needs openssl and nothing of signet.

| file | what |
|---|---|
| %s | the file that was signed |
`, document)
	for _, k := range keys {
		fmt.Fprintf(&b, "| %s.sig, %s.pem | its signature with %s, and the public key |\n", k.entry, k.entry, k.algorithm)
	}
	b.WriteString(`| ceremony.toml | what the appliance was made from: its officers with their public keys, thresholds, log key |
| init.act | the act that began its life: the bytes that were signed, what they bind, and six signatures |
| log.jsonl | the log: one event a line, exactly as it was hashed; acts have the signatures of their officers |
| approval.json | an approval: what was asked for, on whose behalf, bound to which value, who granted it, its one use |
| replay.json | what "signetctl log replay" found: how many decisions came out again, uses counted, differences |
| signetd.log | what the daemon said |
| verify.sh | verifies the signatures over the file |

The officers' keys, the token and its PIN were made for this run and are gone.
`)
	return b.String()
}
