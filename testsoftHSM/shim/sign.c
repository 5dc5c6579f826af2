/* C_SignInit and C_Sign. */
#include <string.h>

#include <openssl/crypto.h>

#include "control.h"
#include "object.h"
#include "sessions.h"

/*
 * A session has one operation at a time, and SoftHSM2 keeps that rule for its
 * own. So an SM2 signature holds the session there by a digest of nothing:
 * SoftHSM2 then answers CKR_OPERATION_ACTIVE, CKR_SESSION_HANDLE_INVALID or
 * CKR_CRYPTOKI_NOT_INITIALIZED by itself. It costs 2 us; a dummy signature of
 * SoftHSM2's would cost 0.5 ms.
 */
static CK_RV hold(CK_SESSION_HANDLE s)
{
	CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
	return backend->C_DigestInit(s, &sha256);
}

static void release(CK_SESSION_HANDLE s)
{
	CK_BYTE digest[32];
	CK_ULONG len = sizeof digest;
	(void)backend->C_DigestFinal(s, digest, &len);
}

/* logged_in sets *yes for a session that its user, not the SO, has opened. */
static CK_RV logged_in(CK_SESSION_HANDLE s, bool *yes)
{
	CK_SESSION_INFO info;
	CK_RV rv = backend->C_GetSessionInfo(s, &info);
	*yes = rv == CKR_OK &&
	       (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
	return rv;
}

/*
 * load_key reads all that signing needs. SoftHSM2 hides private objects from
 * who is not logged in and drops their handles at logout, so a key that cannot
 * be read then says "log in", otherwise "no such key".
 */
static CK_RV load_key(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, struct signing *op)
{
	bool user = false;
	struct object what;
	CK_RV rv = logged_in(s, &user);
	if (rv != CKR_OK) return rv;
	if (object_look(s, key, &what) != CKR_OK)
		return user ? CKR_KEY_HANDLE_INVALID : CKR_USER_NOT_LOGGED_IN;
	if (what.half != SM2_PRIVATE) return CKR_KEY_TYPE_INCONSISTENT;
	op->needs_login = object_flag(s, key, CKA_PRIVATE);
	if (!object_flag(s, key, CKA_SIGN)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
	op->key = key;
	/* Refused for a key that was not made through the shim: it is sensitive. */
	return object_scalar(s, key, op->scalar) == CKR_OK ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED;
}

static CK_RV begin(CK_SESSION_HANDLE s, const CK_MECHANISM *m, CK_OBJECT_HANDLE key, bool der)
{
	struct signing op = {.der = der};
	CK_RV rv = load_key(s, key, &op);
	if (rv == CKR_OK && m->ulParameterLen != 0) rv = CKR_MECHANISM_PARAM_INVALID;
	if (rv == CKR_OK) rv = hold(s);
	if (rv == CKR_OK && !sessions_begin(s, &op)) {
		release(s);
		rv = CKR_HOST_MEMORY;
	}
	OPENSSL_cleanse(&op, sizeof op);
	return rv;
}

CK_RV sm2_SignInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	struct profile p = control_profile();
	if (m == NULL || m->mechanism == PROFILE_NONE) return backend->C_SignInit(s, m, key);
	if (control_quirk(m->mechanism).undone) return CKR_MECHANISM_INVALID;
	if (m->mechanism == p.sign_raw) return begin(s, m, key, false);
	if (m->mechanism == p.sign_der) return begin(s, m, key, true);
	/* SoftHSM2 would sign, with plain ECDSA over the SM2 curve. */
	if (m->mechanism == CKM_ECDSA && object_is_sm2(s, key)) return CKR_KEY_TYPE_INCONSISTENT;
	return backend->C_SignInit(s, m, key);
}

/* plain_ecdsa signs with the mechanism that a wrong profile would name. */
static bool plain_ecdsa(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, CK_BYTE *e, CK_BYTE raw[SM2_RAW])
{
	CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
	CK_ULONG len = SM2_RAW;
	return backend->C_SignInit(s, &ecdsa, key) == CKR_OK &&
	       backend->C_Sign(s, e, SM2_E, raw, &len) == CKR_OK && len == SM2_RAW;
}

/* spoil_bytes spoils a signature of any algorithm without breaking its form. */
static void spoil_bytes(enum spoil spoil, CK_BYTE *out, CK_ULONG *len)
{
	if (*len == 0) return;
	if (spoil == SPOIL_WRONG) out[*len - 1] ^= 1;
	if (spoil == SPOIL_TRUNCATED) --*len;
}

/* make writes one signature to out, which has room for it, and its length. */
static CK_RV make(CK_SESSION_HANDLE s, const struct signing *op, CK_BYTE *e, CK_BYTE *out,
                  CK_ULONG *len)
{
	CK_BYTE raw[SM2_RAW];
	enum spoil spoil = control_spoil();
	do {
		bool made = spoil == SPOIL_ECDSA ? plain_ecdsa(s, op->key, e, raw)
		                                 : sm2_signature(op->scalar, e, raw);
		if (!made) return CKR_FUNCTION_FAILED;
		if (!op->der) {
			memcpy(out, raw, SM2_RAW);
			*len = SM2_RAW;
		} else if (spoil == SPOIL_MALFORMED_DER) {
			*len = sm2_malformed_der(raw, out); /* 0: three of four have what it takes */
		} else {
			*len = sm2_der(raw, out);
		}
	} while (*len == 0);
	spoil_bytes(spoil, out, len);
	return CKR_OK;
}

/* still_allowed asks SoftHSM2 again: the user may have logged out since C_SignInit. */
static CK_RV still_allowed(CK_SESSION_HANDLE s, const struct signing *op)
{
	bool user = false;
	CK_RV rv = logged_in(s, &user);
	return rv == CKR_OK && op->needs_login && !user ? CKR_USER_NOT_LOGGED_IN : rv;
}

/*
 * finish answers one C_Sign and sets *goes_on if the signature stays open,
 * which is so only for a question about the length and for a buffer too small
 * (PKCS#11 v2.40 base, C_Sign).
 */
static CK_RV finish(CK_SESSION_HANDLE s, const struct signing *op, CK_BYTE *in, CK_ULONG in_len,
                    CK_BYTE *out, CK_ULONG *out_len, bool *goes_on)
{
	CK_ULONG size = op->der ? SM2_DER_MAX : SM2_RAW;
	CK_RV rv = still_allowed(s, op);
	*goes_on = rv == CKR_OK && out_len != NULL && (out == NULL || *out_len < size);
	if (*goes_on) {
		*out_len = size;
		return out == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
	}
	release(s);
	if (rv != CKR_OK) return rv;
	if (in == NULL || out_len == NULL) return CKR_ARGUMENTS_BAD;
	return in_len == SM2_E ? make(s, op, in, out, out_len) : CKR_DATA_LEN_RANGE;
}

static CK_RV forward(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out,
                     CK_ULONG *out_len)
{
	CK_RV rv = backend->C_Sign(s, in, in_len, out, out_len);
	if (rv == CKR_OK && out != NULL) spoil_bytes(control_spoil(), out, out_len);
	return rv;
}

CK_RV sm2_Sign(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len)
{
	struct signing op;
	bool goes_on = false;
	if (!sessions_take(s, &op)) return forward(s, in, in_len, out, out_len);
	CK_RV rv = finish(s, &op, in, in_len, out, out_len, &goes_on);
	if (goes_on && !sessions_begin(s, &op)) rv = CKR_HOST_MEMORY;
	OPENSSL_cleanse(&op, sizeof op);
	return rv;
}
