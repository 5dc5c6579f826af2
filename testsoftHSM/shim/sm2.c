#include "sm2.h"

#include <pthread.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

/*
 * SoftHSM2 uses libcrypto's default context in this same process and unloads
 * what it loaded there in C_Finalize, so the shim has its own. It is never
 * freed: a signature may be running in another thread when the process ends.
 */
static OSSL_LIB_CTX *context;

static void make_context(void)
{
	context = OSSL_LIB_CTX_new();
}

static OSSL_LIB_CTX *own_context(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, make_context);
	return context;
}

/* OSSL_PARAM wants an integer in the machine's order. */
static bool native_order(const unsigned char scalar[SM2_SCALAR], unsigned char out[SM2_SCALAR])
{
	BIGNUM *d = BN_bin2bn(scalar, SM2_SCALAR, NULL);
	bool ok = d != NULL && BN_bn2nativepad(d, out, SM2_SCALAR) == SM2_SCALAR;
	BN_clear_free(d);
	return ok;
}

/*
 * private_key makes a key without its public half, which OpenSSL does not need
 * to sign and which would cost as much as the signature (0.25 ms).
 */
static EVP_PKEY *private_key(const unsigned char scalar[SM2_SCALAR])
{
	unsigned char native[SM2_SCALAR];
	char curve[] = "SM2";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
		OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof native),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(own_context(), "SM2", NULL);
	if (ctx == NULL || !native_order(scalar, native) || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_cleanse(native, sizeof native);
	return key;
}

static bool raw_from_der(const unsigned char *der, size_t len, unsigned char raw[SM2_RAW])
{
	const BIGNUM *r;
	const BIGNUM *s;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	if (sig == NULL) return false;
	ECDSA_SIG_get0(sig, &r, &s);
	bool ok = BN_bn2binpad(r, raw, SM2_RAW / 2) == SM2_RAW / 2 &&
	          BN_bn2binpad(s, raw + SM2_RAW / 2, SM2_RAW / 2) == SM2_RAW / 2;
	ECDSA_SIG_free(sig);
	return ok;
}

bool sm2_signature(const unsigned char scalar[SM2_SCALAR], const unsigned char e[SM2_E],
                   unsigned char raw[SM2_RAW])
{
	unsigned char der[SM2_DER_MAX];
	size_t len = sizeof der;
	EVP_PKEY *key = private_key(scalar);
	/* EVP_PKEY_sign takes e as it is; EVP_DigestSign would hash with ZA. */
	EVP_PKEY_CTX *ctx = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(own_context(), key, NULL);
	bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) > 0 &&
	          EVP_PKEY_sign(ctx, der, &len, e, SM2_E) > 0 && raw_from_der(der, len, raw);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

bool sm2_point_of(const unsigned char scalar[SM2_SCALAR], unsigned char point[SM2_POINT])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(own_context(), NULL, NID_sm2);
	EC_POINT *q = group == NULL ? NULL : EC_POINT_new(group);
	BIGNUM *d = BN_bin2bn(scalar, SM2_SCALAR, NULL);
	bool ok = q != NULL && d != NULL && EC_POINT_mul(group, q, d, NULL, NULL, NULL) == 1 &&
	          EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, point, SM2_POINT,
	                             NULL) == SM2_POINT;
	BN_clear_free(d);
	EC_POINT_free(q);
	EC_GROUP_free(group);
	return ok;
}

/* put_integer writes 32 big-endian bytes as an INTEGER and returns its end. */
static unsigned char *put_integer(unsigned char *out, const unsigned char *value, bool keep_sign)
{
	size_t len = SM2_RAW / 2;
	while (len > 1 && *value == 0) {
		value++;
		len--;
	}
	size_t pad = keep_sign && *value >= 0x80 ? 1 : 0;
	*out++ = 0x02;
	*out++ = (unsigned char)(len + pad);
	if (pad != 0) *out++ = 0;
	memcpy(out, value, len);
	return out + len;
}

static size_t put_sequence(const unsigned char raw[SM2_RAW], unsigned char out[SM2_DER_MAX],
                           bool keep_sign)
{
	unsigned char *end = put_integer(out + 2, raw, keep_sign);
	end = put_integer(end, raw + SM2_RAW / 2, keep_sign);
	size_t len = (size_t)(end - out);
	out[0] = 0x30;
	out[1] = (unsigned char)(len - 2); /* at most 70: the short form */
	return len;
}

size_t sm2_der(const unsigned char raw[SM2_RAW], unsigned char out[SM2_DER_MAX])
{
	return put_sequence(raw, out, true);
}

size_t sm2_malformed_der(const unsigned char raw[SM2_RAW], unsigned char out[SM2_DER_MAX])
{
	unsigned char right[SM2_DER_MAX];
	size_t len = put_sequence(raw, out, false);
	return len < sm2_der(raw, right) ? len : 0;
}
