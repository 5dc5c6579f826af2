package algo

import (
	"bytes"
	"crypto"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
)

// knownAnswers is the table of the self-test. No answer in it was computed by
// the code that it tests. A misprint in a vector fails its test, so nothing
// here returns an error. Append; a name is a promise.
func knownAnswers() []knownAnswer {
	gm, p256, p384, ed, rsa := sm2Example(), p256Example(), p384Example(), ed25519Example(), rsaExample()
	example, sample, text := []byte("message digest"), []byte("sample"), []byte(opensslMessage)
	return []knownAnswer{
		// GB/T 32905-2016 annex A, example 1.
		{"sm3", hashes(SM2SM3), []byte("abc"), unhex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")},

		// GB/T 32918.5-2017 annex A, on the recommended curve.
		{"sm2-za", zaOf(gm), []byte(SM2ID), unhex("B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3")},
		{"sm2-e", eOf(gm), example, unhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")},
		{"sm2-verify", verifies(SM2SM3, gm), example, rs(
			"F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3",
			"B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA")},

		// GB/T 32907-2016 annex A, example 1: the key is also the plaintext.
		{"sm4-encrypt", sm4Block(cipher.Block.Encrypt), unhex(sm4Key), unhex("681EDF34D206965E86B3E94F536E4246")},
		{"sm4-decrypt", sm4Block(cipher.Block.Decrypt), unhex("681EDF34D206965E86B3E94F536E4246"), unhex(sm4Key)},

		// RFC 8998 appendix A.1.
		{"sm4-gcm-seal", gives(gcmSeal), unhex(gcmPlain), unhex(gcmSealed)},
		{"sm4-gcm-open", gives(gcmOpen), unhex(gcmSealed), unhex(gcmPlain)},

		// FIPS 180-4, the examples of one block; also RFC 6234 8.5, test 1.
		{"sha256", hashes(ECDSAP256SHA256), []byte("abc"), unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")},
		{"sha384", hashes(ECDSAP384SHA384), []byte("abc"), unhex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed" +
			"8086072ba1e7cc2358baeca134c825a7")},
		{"sha512", hashes(RSAPKCS1SHA512), []byte("abc"), unhex("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
			"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f")},

		// RFC 6979 appendices A.2.5 and A.2.6.
		{"ecdsa-p256-verify", verifies(ECDSAP256SHA256, p256), sample, rs(
			"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
			"F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8")},
		{"ecdsa-p384-verify", verifies(ECDSAP384SHA384, p384), sample, rs(
			"94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
			"99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8")},

		// RFC 8032 7.1, test 3.
		{"ed25519-verify", verifies(Ed25519, ed), unhex("af82"), unhex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
			"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")},

		// OpenSSL 3.0, see opensslMessage.
		{"rsa-pkcs1-sha256-verify", verifies(RSAPKCS1SHA256, rsa), text, unbase64(rsaPKCS1SHA256)},
		{"rsa-pkcs1-sha384-verify", verifies(RSAPKCS1SHA384, rsa), text, unbase64(rsaPKCS1SHA384)},
		{"rsa-pkcs1-sha512-verify", verifies(RSAPKCS1SHA512, rsa), text, unbase64(rsaPKCS1SHA512)},
		{"rsa-pss-sha256-verify", verifies(RSAPSSSHA256, rsa), text, unbase64(rsaPSSSHA256)},
		{"rsa-pss-sha384-verify", verifies(RSAPSSSHA384, rsa), text, unbase64(rsaPSSSHA384)},
		{"rsa-pss-sha512-verify", verifies(RSAPSSSHA512, rsa), text, unbase64(rsaPSSSHA512)},
	}
}

// A check tells whether answer belongs to input.
type check func(input, answer []byte) bool

func gives(compute func(input []byte) ([]byte, error)) check {
	return func(input, answer []byte) bool {
		got, err := compute(input)
		return err == nil && bytes.Equal(got, answer)
	}
}

func verifies(a Algorithm, pub PublicKey) check {
	return func(message, sig []byte) bool {
		tbs, err := ToBeSigned(a, pub, message)
		return err == nil && pub.Verify(a, tbs, sig) == nil
	}
}

func hashes(a Algorithm) check {
	return gives(func(input []byte) ([]byte, error) {
		h := a.NewHash()
		h.Write(input)
		return h.Sum(nil), nil
	})
}

// zaOf is a check whose input is the signer's identity.
func zaOf(pub PublicKey) check {
	return gives(func(id []byte) ([]byte, error) {
		key, ok := pub.key.(*ecdsa.PublicKey)
		if !ok {
			return nil, ErrKey
		}
		return sm2.CalculateZA(key, id)
	})
}

func eOf(pub PublicKey) check {
	return gives(func(message []byte) ([]byte, error) { return SM2E(pub, message) })
}

// sm4Block checks one of cipher.Block's two methods over one block.
func sm4Block(transform func(b cipher.Block, to, from []byte)) check {
	return gives(func(input []byte) ([]byte, error) {
		block, err := sm4.NewCipher(unhex(sm4Key))
		if err != nil {
			return nil, err
		}
		got := make([]byte, sm4.BlockSize)
		if len(input) != len(got) { // cipher.Block panics on less
			return nil, errKnownAnswer
		}
		transform(block, got, input)
		return got, nil
	})
}

// gcmSeal has the tag after the ciphertext.
func gcmSeal(plain []byte) ([]byte, error) {
	aead, err := sm4GCM()
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, unhex(gcmNonce), plain, unhex(gcmAAD)), nil
}

func gcmOpen(sealed []byte) ([]byte, error) {
	aead, err := sm4GCM()
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, unhex(gcmNonce), sealed, unhex(gcmAAD))
}

func sm4GCM() (cipher.AEAD, error) {
	block, err := sm4.NewCipher(unhex(sm4Key))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

const (
	sm4Key   = "0123456789ABCDEFFEDCBA9876543210" // of GB/T 32907 and of RFC 8998
	gcmNonce = "00001234567800000000ABCD"
	gcmAAD   = "FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2"
	gcmPlain = "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD" +
		"EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA"
	gcmSealed = "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735" +
		"D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D" +
		"83DE3541E4C2B58177E065A9BF7B62EC"
)

func sm2Example() PublicKey {
	return known(sm2.NewPublicKey(unhex("04" +
		"09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020" +
		"CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13")))
}

func p256Example() PublicKey {
	return known(ecdsa.ParseUncompressedPublicKey(elliptic.P256(), unhex("04"+
		"60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"+
		"7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299")))
}

func p384Example() PublicKey {
	return known(ecdsa.ParseUncompressedPublicKey(elliptic.P384(), unhex("04"+
		"EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13"+
		"8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720")))
}

func ed25519Example() PublicKey {
	return known(ed25519.PublicKey(unhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")), nil)
}

func rsaExample() PublicKey {
	pub, err := ParsePublicKey(unbase64(rsaPublicKey))
	if err != nil {
		return PublicKey{}
	}
	return pub
}

// known is the zero key, which verifies nothing, where the vector is no key.
func known(key crypto.PublicKey, err error) PublicKey {
	if err != nil {
		return PublicKey{}
	}
	pub, err := NewPublicKey(key)
	if err != nil {
		return PublicKey{}
	}
	return pub
}

// rs is the DER of two numbers of one size whose first bit is set, as those of
// the table are.
func rs(r, s string) []byte {
	number := append([]byte{0x02, byte(len(r)/2 + 1), 0}, unhex(r)...)
	number = append(number, 0x02, byte(len(s)/2+1), 0)
	number = append(number, unhex(s)...)
	return append([]byte{0x30, byte(len(number))}, number...)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

func unbase64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
