package daemon

import (
	"context"
	"testing"

	"signet/protocol/algo"
)

func TestSignVerifiesAndRecordsEveryAlgorithm(t *testing.T) {
	r := startedRig(t)
	for _, c := range []struct {
		entry, key string
		alg        algo.Algorithm
	}{
		{"sm2", "SM2", algo.SM2SM3},
		{"p256", "EC-P256", algo.ECDSAP256SHA256},
		{"rsa", "RSA-2048", algo.RSAPKCS1SHA256},
	} {
		t.Run(c.entry, func(t *testing.T) {
			pub := r.entry(c.entry, c.key)
			req := signRequest(c.entry, c.alg, 3)
			reply, err := r.caller(callerUID).Sign(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			for i, in := range req.Inputs {
				_, value := inputValue(in)
				r.checkSigned(pub, c.alg, value, reply.Results[i])
			}
		})
	}
}
