/*
 * C_GetAttributeValue. An SM2 key's backing object says that it can be read
 * and exported; what a caller sees is a good vendor's key, or a bad one if the
 * control file says so.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "control.h"
#include "object.h"

/*
 * What a good private key says. A lie says the opposite, of private keys of
 * every type; claimed: an SM2 key says it although its backing object does not.
 */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	CK_BBOOL good;
	enum lie lie;
	bool claimed;
} flags[] = {
	{CKA_EXTRACTABLE, CK_FALSE, LIE_EXTRACTABLE, true},
	{CKA_SENSITIVE, CK_TRUE, LIE_NOT_SENSITIVE, true},
	{CKA_ALWAYS_SENSITIVE, CK_TRUE, LIE_NOT_ALWAYS_SENSITIVE, true},
	{CKA_NEVER_EXTRACTABLE, CK_TRUE, LIE_NOT_NEVER_EXTRACTABLE, true},
	{CKA_LOCAL, CK_TRUE, LIE_NOT_LOCAL, false},
	{CKA_PRIVATE, CK_TRUE, LIE_NOT_PRIVATE, false},
	{CKA_SIGN, CK_TRUE, LIE_NO_SIGN, false},
	{CKA_DECRYPT, CK_FALSE, LIE_DECRYPT, false},
	{CKA_UNWRAP, CK_FALSE, LIE_UNWRAP, false},
	{CKA_DERIVE, CK_FALSE, LIE_DERIVES, false},
	{CKA_MODIFIABLE, CK_FALSE, LIE_MODIFIABLE, false},
};

/* The curve's base point, GM/T 0003.5: a point that is not the key's. */
static const CK_BYTE base_point[SM2_POINT] = {
	0x04, 0x32, 0xC4, 0xAE, 0x2C, 0x1F, 0x19, 0x81, 0x19, 0x5F, 0x99, 0x04, 0x46, 0x6A, 0x39, 0xC9, 0x94,
	0x8F, 0xE3, 0x0B, 0xBF, 0xF2, 0x66, 0x0B, 0xE1, 0x71, 0x5A, 0x45, 0x89, 0x33, 0x4C, 0x74, 0xC7, 0xBC,
	0x37, 0x36, 0xA2, 0xF4, 0xF6, 0x77, 0x9C, 0x59, 0xBD, 0xCE, 0xE3, 0x6B, 0x69, 0x21, 0x53, 0xD0, 0xA9,
	0x87, 0x7C, 0xC6, 0x2A, 0x47, 0x40, 0x02, 0xDF, 0x32, 0xE5, 0x21, 0x39, 0xF0, 0xA0,
};

/* answer follows PKCS#11 v2.40 base, C_GetAttributeValue, rules 3 to 5. */
static CK_RV answer(CK_ATTRIBUTE *a, const void *value, CK_ULONG len)
{
	bool fits = a->pValue == NULL || a->ulValueLen >= len;
	a->ulValueLen = fits ? len : CK_UNAVAILABLE_INFORMATION;
	if (fits && a->pValue != NULL) memcpy(a->pValue, value, len);
	return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

/* answer_flag returns false if the attribute is not the shim's to answer. */
static bool answer_flag(CK_ATTRIBUTE *a, enum sm2_half half, CK_RV *rv)
{
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (flags[i].type != a->type) continue;
		bool lies = control_lies(flags[i].lie);
		CK_BBOOL value = lies ? !flags[i].good : flags[i].good;
		bool ours = lies || (flags[i].claimed && half == SM2_PRIVATE);
		if (ours) *rv = answer(a, &value, sizeof value);
		return ours;
	}
	return false;
}

static CK_RV answer_point(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, enum sm2_half half,
                          const struct profile *p, CK_ATTRIBUTE *a)
{
	CK_BYTE octets[2 + SM2_POINT] = {0x04, SM2_POINT};
	if (half == SM2_PRIVATE && !p->private_ec_point) return backend->C_GetAttributeValue(s, o, a, 1);
	CK_RV rv = object_point(s, o, half, octets + 2);
	if (rv != CKR_OK) return rv;
	if (control_lies(LIE_EC_POINT)) memcpy(octets + 2, base_point, SM2_POINT);
	switch (p->ec_point) {
	case POINT_RAW: return answer(a, octets + 2, SM2_POINT);
	case POINT_XY: return answer(a, octets + 3, SM2_POINT - 1);
	case POINT_OCTET: break;
	}
	return answer(a, octets, sizeof octets);
}

static CK_RV answer_value(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a)
{
	if (control_lies(LIE_VALUE)) return backend->C_GetAttributeValue(s, o, a, 1);
	a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	return CKR_ATTRIBUTE_SENSITIVE;
}

/* A key that SoftHSM2 did not generate keeps its "unavailable". */
static CK_RV answer_origin(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, const struct profile *p,
                           CK_ATTRIBUTE *a)
{
	CK_MECHANISM_TYPE made_by = PROFILE_NONE;
	CK_ATTRIBUTE real = {CKA_KEY_GEN_MECHANISM, &made_by, sizeof made_by};
	CK_RV rv = backend->C_GetAttributeValue(s, o, &real, 1);
	if (rv != CKR_OK) return rv;
	if (made_by == CKM_EC_KEY_PAIR_GEN) made_by = p->keygen;
	return answer(a, &made_by, sizeof made_by);
}

static CK_RV answer_sm2(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, enum sm2_half half, CK_ATTRIBUTE *a)
{
	struct profile p = control_profile();
	switch (a->type) {
	case CKA_KEY_TYPE: return answer(a, &p.key_type, sizeof p.key_type);
	case CKA_EC_POINT: return answer_point(s, o, half, &p, a);
	case CKA_KEY_GEN_MECHANISM: return answer_origin(s, o, &p, a);
	case CKA_VALUE:
		if (half == SM2_PRIVATE) return answer_value(s, o, a);
		break;
	default:
		break;
	}
	return backend->C_GetAttributeValue(s, o, a, 1);
}

static CK_RV answer_one(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, const struct object *what,
                        CK_ATTRIBUTE *a)
{
	CK_RV rv;
	if (what->class == CKO_PRIVATE_KEY && answer_flag(a, what->half, &rv)) return rv;
	if (what->half == SM2_NEITHER) return backend->C_GetAttributeValue(s, o, a, 1);
	return answer_sm2(s, o, what->half, a);
}

/* data_value reads a data object, and its value wrong. */
static CK_RV data_value(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_RV rv = backend->C_GetAttributeValue(s, o, t, n);
	const CK_ATTRIBUTE *value = find_attribute(t, n, CKA_VALUE);
	if (rv == CKR_OK && value != NULL && value->pValue != NULL && value->ulValueLen > 0)
		*(CK_BYTE *)value->pValue ^= 1;
	return rv;
}

CK_RV sm2_GetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	struct object what;
	if (control_lies(LIE_DATA_VALUE) && object_look(s, o, &what) == CKR_OK && what.class == CKO_DATA)
		return data_value(s, o, t, n);
	if (t == NULL || object_look(s, o, &what) != CKR_OK ||
	    (what.half == SM2_NEITHER && what.class != CKO_PRIVATE_KEY))
		return backend->C_GetAttributeValue(s, o, t, n);
	CK_RV first = CKR_OK; /* every attribute is answered, the first error is returned */
	for (CK_ULONG i = 0; i < n; i++) {
		CK_RV rv = answer_one(s, o, &what, &t[i]);
		if (first == CKR_OK) first = rv;
	}
	return first;
}
