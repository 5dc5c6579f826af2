/* C_GenerateRandom of a token whose random generator has failed. */
#include <stdint.h>
#include <string.h>

#include "control.h"

/*
 * repeat gives what looks random, and the same at every call: xorshift64 from
 * one seed. No look at one answer alone can find it.
 */
static void repeat(CK_BYTE *out, CK_ULONG len)
{
	uint64_t state = 88172645463325252U;
	for (CK_ULONG i = 0; i < len; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		out[i] = (CK_BYTE)(state >> 32);
	}
}

/* bias sets three bits of four: each bit is one if either of two draws is. */
static CK_RV bias(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG len)
{
	CK_BYTE more[256];
	for (CK_ULONG done = 0; done < len;) {
		CK_ULONG n = len - done < sizeof more ? len - done : sizeof more;
		CK_RV rv = backend->C_GenerateRandom(s, more, n);
		if (rv != CKR_OK) return rv;
		for (CK_ULONG i = 0; i < n; i++) out[done + i] |= more[i];
		done += n;
	}
	return CKR_OK;
}

CK_RV sm2_GenerateRandom(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG len)
{
	CK_RV rv = backend->C_GenerateRandom(s, out, len);
	if (rv != CKR_OK) return rv;
	switch (control_random()) {
	case RANDOM_CONSTANT: memset(out, 0x5A, len); break;
	case RANDOM_REPEAT: repeat(out, len); break;
	case RANDOM_BIASED: return bias(s, out, len);
	case RANDOM_GOOD: break;
	}
	return CKR_OK;
}
