#include "object.h"

#include <string.h>

#include <openssl/crypto.h>

const CK_BYTE sm2_oid[SM2_OID_SIZE] = {0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D};

/* get reads one attribute and sets *len to its real length. */
static CK_RV get(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *out,
                 CK_ULONG *len)
{
	CK_ATTRIBUTE a = {type, out, *len};
	CK_RV rv = backend->C_GetAttributeValue(s, o, &a, 1);
	if (rv == CKR_OK) *len = a.ulValueLen;
	return rv;
}

static bool on_sm2_curve(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	CK_KEY_TYPE type = 0;
	CK_BYTE oid[SM2_OID_SIZE];
	CK_ULONG len = sizeof type;
	if (get(s, o, CKA_KEY_TYPE, &type, &len) != CKR_OK || type != CKK_EC) return false;
	len = sizeof oid; /* a longer CKA_EC_PARAMS is an error here, and another curve */
	return get(s, o, CKA_EC_PARAMS, oid, &len) == CKR_OK && len == sizeof oid &&
	       memcmp(oid, sm2_oid, sizeof oid) == 0;
}

CK_RV object_look(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, struct object *out)
{
	CK_ULONG len = sizeof out->class;
	out->half = SM2_NEITHER;
	CK_RV rv = get(s, o, CKA_CLASS, &out->class, &len);
	if (rv != CKR_OK) return rv;
	if (out->class == CKO_PUBLIC_KEY && on_sm2_curve(s, o)) out->half = SM2_PUBLIC;
	if (out->class == CKO_PRIVATE_KEY && on_sm2_curve(s, o)) out->half = SM2_PRIVATE;
	return CKR_OK;
}

bool object_is_sm2(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	struct object found;
	return object_look(s, o, &found) == CKR_OK && found.half != SM2_NEITHER;
}

bool object_flag(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL flag = CK_FALSE;
	CK_ULONG len = sizeof flag;
	return get(s, o, type, &flag, &len) == CKR_OK && flag != CK_FALSE;
}

CK_RV object_scalar(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_BYTE scalar[SM2_SCALAR])
{
	CK_BYTE value[SM2_SCALAR];
	CK_ULONG len = sizeof value;
	CK_RV rv = get(s, o, CKA_VALUE, value, &len);
	if (rv == CKR_OK && len <= sizeof value) { /* SoftHSM2 strips leading zeros */
		memset(scalar, 0, SM2_SCALAR);
		memcpy(scalar + SM2_SCALAR - len, value, len);
	}
	OPENSSL_cleanse(value, sizeof value);
	return rv;
}

CK_RV object_point(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, enum sm2_half half,
                   CK_BYTE point[SM2_POINT])
{
	if (half == SM2_PRIVATE) {
		CK_BYTE scalar[SM2_SCALAR];
		CK_RV rv = object_scalar(s, o, scalar);
		if (rv == CKR_OK && !sm2_point_of(scalar, point)) rv = CKR_FUNCTION_FAILED;
		OPENSSL_cleanse(scalar, sizeof scalar);
		return rv;
	}
	CK_BYTE octets[2 + SM2_POINT]; /* OCTET STRING, 65 bytes */
	CK_ULONG len = sizeof octets;
	CK_RV rv = get(s, o, CKA_EC_POINT, octets, &len);
	if (rv != CKR_OK) return rv;
	if (len != sizeof octets) return CKR_FUNCTION_FAILED;
	memcpy(point, octets + 2, SM2_POINT);
	return CKR_OK;
}

bool is_sm2_oid(const CK_ATTRIBUTE *a)
{
	return a->pValue != NULL && a->ulValueLen == SM2_OID_SIZE &&
	       memcmp(a->pValue, sm2_oid, SM2_OID_SIZE) == 0;
}

bool read_ulong(const CK_ATTRIBUTE *a, CK_ULONG *out)
{
	if (a->pValue == NULL || a->ulValueLen != sizeof *out) return false;
	memcpy(out, a->pValue, sizeof *out); /* it may lie unaligned */
	return true;
}

bool is_true(const CK_ATTRIBUTE *a)
{
	return a->pValue != NULL && a->ulValueLen == sizeof(CK_BBOOL) &&
	       *(const CK_BBOOL *)a->pValue != CK_FALSE;
}

CK_ATTRIBUTE *find_attribute(CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; t != NULL && i < n; i++)
		if (t[i].type == type) return &t[i];
	return NULL;
}
