package main

import "signet/protocol"

// purpose is what the entries may be used for.
const purpose = "crash"

// An entry that the callers may use.
type entry struct {
	id        string
	keyType   string
	algorithm protocol.Algorithm
	input     func([]byte) *protocol.Input
}

var entries = []entry{
	{"sm2", "SM2", protocol.Algorithm_SM2_SM3, func(e []byte) *protocol.Input {
		return &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: e}}
	}},
	{"p256", "EC-P256", protocol.Algorithm_ECDSA_P256_SHA256, func(digest []byte) *protocol.Input {
		return &protocol.Input{Value: &protocol.Input_Digest{Digest: digest}}
	}},
}

func valueOf(in *protocol.Input) []byte {
	if e := in.GetSm2E(); e != nil {
		return e
	}
	return in.GetDigest()
}
