/* Key pairs by the vendor's mechanism, backed by CKK_EC on the SM2 curve. */
#include <stdlib.h>

#include "control.h"
#include "object.h"

/* judge tells what a vendor would say to this attribute. */
static CK_RV judge(const CK_ATTRIBUTE *a, CK_KEY_TYPE own)
{
	CK_ULONG type;
	switch (a->type) {
	case CKA_KEY_TYPE:
		return read_ulong(a, &type) && type == own ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
	case CKA_EC_PARAMS:
		return is_sm2_oid(a) ? CKR_OK : CKR_DOMAIN_PARAMS_INVALID;
	case CKA_SENSITIVE:
		return is_true(a) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
	case CKA_EXTRACTABLE:
		return is_true(a) ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK;
	default:
		return CKR_OK;
	}
}

/* replaced tells whether the shim sets this attribute of that half itself. */
static bool replaced(CK_ATTRIBUTE_TYPE type, enum sm2_half half)
{
	if (type == CKA_KEY_TYPE) return true;
	return half == SM2_PRIVATE &&
	       (type == CKA_SENSITIVE || type == CKA_EXTRACTABLE || type == CKA_EC_PARAMS);
}

/*
 * The values put in place of the caller's. The private half is made readable,
 * because the shim has to read the scalar to sign with it; lies.c says the
 * opposite to whoever asks. CKA_PRIVATE stays the caller's, so that SoftHSM2's
 * own rule about logging in goes on guarding it.
 */
static CK_KEY_TYPE ec = CKK_EC;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

/* translate fills out, which has room for n + 3, and sets *out_n. */
static CK_RV translate(const CK_ATTRIBUTE *t, CK_ULONG n, enum sm2_half half, CK_ATTRIBUTE *out,
                       CK_ULONG *out_n)
{
	CK_KEY_TYPE own = control_profile().key_type;
	CK_ULONG k = 0;
	for (CK_ULONG i = 0; i < n; i++) {
		CK_RV rv = judge(&t[i], own);
		if (rv != CKR_OK) return rv;
		if (!replaced(t[i].type, half)) out[k++] = t[i];
	}
	out[k++] = (CK_ATTRIBUTE){CKA_KEY_TYPE, &ec, sizeof ec};
	if (half == SM2_PRIVATE) {
		out[k++] = (CK_ATTRIBUTE){CKA_SENSITIVE, &no, sizeof no};
		out[k++] = (CK_ATTRIBUTE){CKA_EXTRACTABLE, &yes, sizeof yes};
	}
	*out_n = k;
	return CKR_OK;
}

static CK_RV generate(CK_SESSION_HANDLE s, CK_ATTRIBUTE *pub_t, CK_ULONG pub_n, CK_ATTRIBUTE *priv_t,
                      CK_ULONG priv_n, CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv)
{
	CK_MECHANISM m = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_ATTRIBUTE *pub_out = calloc(pub_n + 3, sizeof *pub_out);
	CK_ATTRIBUTE *priv_out = calloc(priv_n + 3, sizeof *priv_out);
	CK_ULONG pub_k = 0;
	CK_ULONG priv_k = 0;
	CK_RV rv = pub_out == NULL || priv_out == NULL ? CKR_HOST_MEMORY : CKR_OK;
	if (rv == CKR_OK) rv = translate(pub_t, pub_n, SM2_PUBLIC, pub_out, &pub_k);
	if (rv == CKR_OK) rv = translate(priv_t, priv_n, SM2_PRIVATE, priv_out, &priv_k);
	if (rv == CKR_OK)
		rv = backend->C_GenerateKeyPair(s, &m, pub_out, pub_k, priv_out, priv_k, pub, priv);
	free(pub_out);
	free(priv_out);
	return rv;
}

/* by_mechanism makes a pair by the vendor's mechanism or by SoftHSM2's own. */
static CK_RV by_mechanism(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub_t, CK_ULONG pub_n,
                          CK_ATTRIBUTE *priv_t, CK_ULONG priv_n, CK_OBJECT_HANDLE *pub,
                          CK_OBJECT_HANDLE *priv)
{
	const CK_ATTRIBUTE *params = find_attribute(pub_t, pub_n, CKA_EC_PARAMS);
	if (m != NULL && m->mechanism == control_profile().keygen) {
		if (m->ulParameterLen != 0) return CKR_MECHANISM_PARAM_INVALID;
		if (params == NULL || (priv_t == NULL && priv_n != 0)) return CKR_TEMPLATE_INCOMPLETE;
		return generate(s, pub_t, pub_n, priv_t, priv_n, pub, priv);
	}
	/* A plain EC key on this curve could not be told from an SM2 key later. */
	if (m != NULL && m->mechanism == CKM_EC_KEY_PAIR_GEN && params != NULL && is_sm2_oid(params))
		return CKR_DOMAIN_PARAMS_INVALID;
	return backend->C_GenerateKeyPair(s, m, pub_t, pub_n, priv_t, priv_n, pub, priv);
}

/* keep has a template ask for an object that stays, and returns what it asked. */
static CK_ATTRIBUTE keep(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_ATTRIBUTE *token = find_attribute(t, n, CKA_TOKEN);
	if (token == NULL) return (CK_ATTRIBUTE){0};
	CK_ATTRIBUTE asked = *token;
	token->pValue = &yes;
	token->ulValueLen = sizeof yes;
	return asked;
}

static void give_back(CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE asked)
{
	CK_ATTRIBUTE *token = find_attribute(t, n, CKA_TOKEN);
	if (token != NULL) *token = asked;
}

CK_RV sm2_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub_t, CK_ULONG pub_n,
                          CK_ATTRIBUTE *priv_t, CK_ULONG priv_n, CK_OBJECT_HANDLE *pub,
                          CK_OBJECT_HANDLE *priv)
{
	if (m != NULL && control_quirk(m->mechanism).undone) return CKR_MECHANISM_INVALID;
	if (!control_lies(LIE_TOKEN_KEYS))
		return by_mechanism(s, m, pub_t, pub_n, priv_t, priv_n, pub, priv);
	CK_ATTRIBUTE asked_pub = keep(pub_t, pub_n);
	CK_ATTRIBUTE asked_priv = keep(priv_t, priv_n);
	CK_RV rv = by_mechanism(s, m, pub_t, pub_n, priv_t, priv_n, pub, priv);
	give_back(pub_t, pub_n, asked_pub);
	give_back(priv_t, priv_n, asked_priv);
	return rv;
}
