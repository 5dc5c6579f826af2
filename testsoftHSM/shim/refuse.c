/*
 * Ways to copy, change or export an SM2 key. SoftHSM2 would allow them, since
 * the backing object can be read; a vendor's module does not. Each has a lie
 * that lets the call through, to see who notices. Beside them the lies about
 * making and destroying objects of other kinds.
 */
#include "control.h"
#include "object.h"

/* makes_sm2 tells whether a template describes an SM2 key in either dress. */
static bool makes_sm2(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_ULONG type;
	const CK_ATTRIBUTE *key_type = find_attribute(t, n, CKA_KEY_TYPE);
	const CK_ATTRIBUTE *params = find_attribute(t, n, CKA_EC_PARAMS);
	if (key_type == NULL || !read_ulong(key_type, &type)) return false;
	return type == control_profile().key_type ? type != CKK_EC || (params != NULL && is_sm2_oid(params))
	                                          : type == CKK_EC && params != NULL && is_sm2_oid(params);
}

/* create_as_ec lets a key in the vendor's dress through to SoftHSM2. */
static CK_RV create_as_ec(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *o)
{
	CK_KEY_TYPE ec = CKK_EC;
	CK_ATTRIBUTE *key_type = find_attribute(t, n, CKA_KEY_TYPE);
	CK_ATTRIBUTE theirs = *key_type;
	key_type->pValue = &ec;
	CK_RV rv = backend->C_CreateObject(s, t, n, o);
	*key_type = theirs;
	return rv;
}

static bool makes_data(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_ULONG class;
	const CK_ATTRIBUTE *a = find_attribute(t, n, CKA_CLASS);
	return a != NULL && read_ulong(a, &class) && class == CKO_DATA;
}

/* create_public makes a data object that everybody can read and destroy. */
static CK_RV create_public(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *o)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE *private = find_attribute(t, n, CKA_PRIVATE);
	if (private == NULL) return backend->C_CreateObject(s, t, n, o);
	CK_ATTRIBUTE theirs = *private;
	*private = (CK_ATTRIBUTE){CKA_PRIVATE, &no, sizeof no};
	CK_RV rv = backend->C_CreateObject(s, t, n, o);
	*private = theirs;
	return rv;
}

CK_RV sm2_CreateObject(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *o)
{
	if (makes_data(t, n) && control_lies(LIE_DATA_PUBLIC)) return create_public(s, t, n, o);
	if (!makes_sm2(t, n)) return backend->C_CreateObject(s, t, n, o);
	return control_lies(LIE_CREATE) ? create_as_ec(s, t, n, o) : CKR_ATTRIBUTE_VALUE_INVALID;
}

CK_RV sm2_DestroyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	return control_lies(LIE_DESTROY) ? CKR_OK : backend->C_DestroyObject(s, o);
}

CK_RV sm2_CopyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n,
                     CK_OBJECT_HANDLE *copy)
{
	if (object_is_sm2(s, o) && !control_lies(LIE_COPY)) return CKR_ACTION_PROHIBITED;
	return backend->C_CopyObject(s, o, t, n, copy);
}

CK_RV sm2_SetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	if (object_is_sm2(s, o) && !control_lies(LIE_SET)) return CKR_ATTRIBUTE_READ_ONLY;
	return backend->C_SetAttributeValue(s, o, t, n);
}

CK_RV sm2_WrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE wrapping,
                  CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *out_len)
{
	if (object_is_sm2(s, key) && !control_lies(LIE_WRAP)) return CKR_KEY_UNEXTRACTABLE;
	return backend->C_WrapKey(s, m, wrapping, key, out, out_len);
}

CK_RV sm2_DeriveKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *t,
                    CK_ULONG n, CK_OBJECT_HANDLE *key)
{
	if (object_is_sm2(s, base) && !control_lies(LIE_DERIVE)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
	return backend->C_DeriveKey(s, m, base, t, n, key);
}
