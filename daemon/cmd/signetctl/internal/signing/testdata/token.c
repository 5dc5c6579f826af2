/*
 * A FIDO2 authenticator in software, for the tests alone: a middleware that
 * OpenSSH loads by SSH_SK_PROVIDER (OpenSSH, PROTOCOL.u2f and sk-api.h). Its
 * key handle is the private key. TOKEN_FLAGS sets the flags that it signs:
 * 1, the default, says that somebody touched it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#define API_VERSION 0x000a0000
#define ED25519 1
#define ERR_GENERAL -1
#define ERR_UNSUPPORTED -2

struct option;

struct enrolled {
	uint8_t flags;
	uint8_t *public_key;
	size_t public_key_len;
	uint8_t *key_handle;
	size_t key_handle_len;
	uint8_t *signature;
	size_t signature_len;
	uint8_t *attestation;
	size_t attestation_len;
	uint8_t *authdata;
	size_t authdata_len;
};

struct signature {
	uint8_t flags;
	uint32_t counter;
	uint8_t *r;
	size_t r_len;
	uint8_t *s;
	size_t s_len;
};

uint32_t sk_api_version(void) { return API_VERSION; }

int sk_load_resident_keys(const char *pin, struct option **options, void ***keys, size_t *count)
{
	return ERR_UNSUPPORTED;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application,
	uint8_t flags, const char *pin, struct option **options, struct enrolled **out)
{
	struct enrolled *e;
	EVP_PKEY *key = NULL;
	int ok = 0;

	if (alg != ED25519)
		return ERR_UNSUPPORTED;
	if ((e = calloc(1, sizeof *e)) == NULL)
		return ERR_GENERAL;
	e->public_key_len = e->key_handle_len = 32;
	e->public_key = calloc(1, 32);
	e->key_handle = calloc(1, 32);
	e->signature = calloc(1, 1); /* an attestation that nobody asks for */
	e->attestation = calloc(1, 1);
	e->authdata = calloc(1, 1);
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ok = key != NULL && e->public_key != NULL && e->key_handle != NULL &&
	    EVP_PKEY_get_raw_public_key(key, e->public_key, &e->public_key_len) == 1 &&
	    EVP_PKEY_get_raw_private_key(key, e->key_handle, &e->key_handle_len) == 1;
	EVP_PKEY_free(key);
	*out = e; /* of the caller from here on */
	return ok ? 0 : ERR_GENERAL;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application,
	const uint8_t *handle, size_t handle_len, uint8_t flags, const char *pin,
	struct option **options, struct signature **out)
{
	/* SHA256(application) || flags || counter || SHA256(data) */
	uint8_t signed_bytes[32 + 1 + 4 + 32] = {0};
	const char *wanted = getenv("TOKEN_FLAGS");
	struct signature *s;
	EVP_PKEY *key;
	EVP_MD_CTX *ctx;
	int ok;

	if (alg != ED25519)
		return ERR_UNSUPPORTED;
	if ((s = calloc(1, sizeof *s)) == NULL || (s->r = calloc(1, 64)) == NULL)
		return ERR_GENERAL;
	s->r_len = 64;
	s->counter = 9;
	s->flags = wanted != NULL ? (uint8_t)strtol(wanted, NULL, 10) : 1;
	SHA256((const uint8_t *)application, strlen(application), signed_bytes);
	signed_bytes[32] = s->flags;
	signed_bytes[36] = s->counter;
	SHA256(data, data_len, signed_bytes + 37);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, handle, handle_len);
	ctx = EVP_MD_CTX_new();
	ok = key != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestSign(ctx, s->r, &s->r_len, signed_bytes, sizeof signed_bytes) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	*out = s;
	return ok ? 0 : ERR_GENERAL;
}
