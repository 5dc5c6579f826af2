/* SM2 signatures (GM/T 0003.2) from a scalar, by OpenSSL. */
#ifndef SIGNET_SM2SHIM_SM2_H
#define SIGNET_SM2SHIM_SM2_H

#include <stdbool.h>
#include <stddef.h>

#define SM2_SCALAR 32  /* the private key, big endian */
#define SM2_E 32       /* e = SM3(ZA || M), computed by the caller */
#define SM2_RAW 64     /* r, s of 32 bytes each */
#define SM2_DER_MAX 72 /* SEQUENCE of two INTEGERs of up to 33 bytes */
#define SM2_POINT 65   /* 04 X Y */

bool sm2_signature(const unsigned char scalar[SM2_SCALAR], const unsigned char e[SM2_E],
                   unsigned char raw[SM2_RAW]);

bool sm2_point_of(const unsigned char scalar[SM2_SCALAR], unsigned char point[SM2_POINT]);

/* sm2_der returns the length of what it wrote. */
size_t sm2_der(const unsigned char raw[SM2_RAW], unsigned char out[SM2_DER_MAX]);

/*
 * sm2_malformed_der leaves out the zero byte that keeps an INTEGER positive,
 * as a Sansec module does. Returns 0 if neither r nor s needs one: then the
 * caller has to sign again to get a malformed signature.
 */
size_t sm2_malformed_der(const unsigned char raw[SM2_RAW], unsigned char out[SM2_DER_MAX]);

#endif
