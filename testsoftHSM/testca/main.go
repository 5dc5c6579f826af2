// Testca plays a CA for ceremonies and demos: its state and its keys, in
// clear, lie in a directory. Never let anything of value rely on it.
//
//	testca init DIR [--type SM2]
//	testca sign DIR --csr FILE --out FILE [--days N] [--encryption] [--dual]
//	testca crl DIR --out FILE [--revoke SERIAL]... [--reason N] [--days N]
//
// DIR/root.pem is the certificate to trust. sign answers with the certificate
// and the issuing CA's in PEM; --encryption with an encryption certificate
// instead, --dual with both and the enveloped encryption key (SM2). SERIAL is
// in hex; what was revoked once stays on every later list.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testca:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("want: testca init|sign|crl DIR [flags], see go doc signet/testsoftHSM/testca")

func run(args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	verb, dir, flags := args[0], args[1], flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch verb {
	case "init":
		return initialise(dir, flags, args[2:])
	case "sign":
		return sign(dir, flags, args[2:])
	case "crl":
		return list(dir, flags, args[2:])
	}
	return errUsage
}

// parse refuses words that are no flags: a second DIR is a slip.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 0 {
		return fmt.Errorf("%q is no flag: %w", flags.Arg(0), errUsage)
	}
	return nil
}
