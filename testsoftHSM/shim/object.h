/* Telling SM2 keys from other objects, and reading what SoftHSM2 keeps. */
#ifndef SIGNET_SM2SHIM_OBJECT_H
#define SIGNET_SM2SHIM_OBJECT_H

#include "shim.h"
#include "sm2.h"

/* The curve's OBJECT IDENTIFIER 1.2.156.10197.1.301 in DER, GM/T 0006. */
#define SM2_OID_SIZE 10
extern const CK_BYTE sm2_oid[SM2_OID_SIZE];

enum sm2_half { SM2_NEITHER, SM2_PUBLIC, SM2_PRIVATE };

struct object {
	CK_OBJECT_CLASS class;
	enum sm2_half half;
};

/*
 * object_look fills *out. "CKK_EC on the SM2 curve is an SM2 key" needs no
 * record of our own, so it holds after a restart and in other processes.
 */
CK_RV object_look(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, struct object *out);

/* object_is_sm2 is false too for an object that cannot be read. */
bool object_is_sm2(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o);

/* object_flag reads a CK_BBOOL; false if there is none. */
bool object_flag(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);

/* object_scalar reads the private scalar of an SM2 key, padded to 32 bytes. */
CK_RV object_scalar(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_BYTE scalar[SM2_SCALAR]);

/* object_point reads 04 X Y of an SM2 key; of a private one it is computed. */
CK_RV object_point(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, enum sm2_half half,
                   CK_BYTE point[SM2_POINT]);

/* is_sm2_oid tells whether a CKA_EC_PARAMS names the SM2 curve. */
bool is_sm2_oid(const CK_ATTRIBUTE *a);

/* read_ulong takes the value of a CK_ULONG attribute in a caller's template. */
bool read_ulong(const CK_ATTRIBUTE *a, CK_ULONG *out);

/* is_true tells whether an attribute in a caller's template is CK_TRUE. */
bool is_true(const CK_ATTRIBUTE *a);

/* find_attribute returns the attribute of that type, or NULL. */
CK_ATTRIBUTE *find_attribute(CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type);

#endif
