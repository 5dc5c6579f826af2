package main

import (
	"fmt"

	"signet/protocol"
	"signet/protocol/algo"
)

// An algorithm is one row of the tables.
type algorithm struct {
	name  string
	entry string // id of its entry in the daemon
	key   algo.KeyType
	algo  algo.Algorithm

	// limit is the in-process rate that the daemon is held against: for RSA,
	// where verification costs little, that of signing alone.
	limit string

	// sessions of the token while the daemon is measured: SoftHSM2 signs no
	// faster with two where a signature is short (README.md).
	sessions int
}

const (
	signOnly   = "sign"
	signVerify = "sign+verify"
)

var algorithms = []algorithm{
	{"P-256", "p256", algo.KeyP256, algo.ECDSAP256SHA256, signVerify, 1},
	{"RSA-2048", "rsa2048", algo.KeyRSA2048, algo.RSAPKCS1SHA256, signOnly, 2},
	{"SM2", "sm2", algo.KeySM2, algo.SM2SM3, signVerify, 2},
}

func algorithmNamed(name string) (algorithm, error) {
	for _, a := range algorithms {
		if a.name == name {
			return a, nil
		}
	}
	return algorithm{}, fmt.Errorf("unknown algorithm %q: want P-256, RSA-2048 or SM2", name)
}

// input carries a value to be signed as document systems send it.
func (a algorithm) input(value []byte) *protocol.Input {
	if a.algo == algo.SM2SM3 {
		return &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: value}}
	}
	return &protocol.Input{Value: &protocol.Input_Digest{Digest: value}}
}
