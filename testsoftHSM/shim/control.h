/*
 * The control file: what a test asks the shim to be and to break. README.md
 * has the grammar. All functions may be called from any thread.
 */
#ifndef SIGNET_SM2SHIM_CONTROL_H
#define SIGNET_SM2SHIM_CONTROL_H

#include <time.h>

#include "shim.h"

/* Index of a PKCS#11 function among the settings. */
enum function {
#define X(name, params, args) FN_##name,
	SHIM_FUNCTIONS(X)
#undef X
	FN_COUNT
};

enum action { ACTION_NONE, ACTION_RETURN, ACTION_HANG, ACTION_CRASH, ACTION_DELAY };

/* When a fault strikes: the first calls, every Nth call, or (both 0) always. */
struct rate {
	unsigned long first;
	unsigned long every;
};

struct fault {
	enum action action;
	CK_RV rv;              /* ACTION_RETURN */
	struct timespec delay; /* ACTION_DELAY */
	struct rate rate;
	unsigned long calls; /* since the file was read */
	unsigned long read;  /* which reading of the file it comes from */
};

/* What C_GenerateRandom gives: the good bytes of SoftHSM2, or what a broken generator would. */
enum randomness { RANDOM_GOOD, RANDOM_CONSTANT, RANDOM_REPEAT, RANDOM_BIASED };

enum spoil { SPOIL_NONE, SPOIL_WRONG, SPOIL_MALFORMED_DER, SPOIL_TRUNCATED, SPOIL_ECDSA };

/* Lies about attributes come first: lies.c has a row for each of them. */
enum lie {
	LIE_EXTRACTABLE,
	LIE_NOT_SENSITIVE,
	LIE_NOT_ALWAYS_SENSITIVE,
	LIE_NOT_NEVER_EXTRACTABLE,
	LIE_NOT_LOCAL,
	LIE_NOT_PRIVATE,
	LIE_NO_SIGN,
	LIE_DECRYPT,
	LIE_UNWRAP,
	LIE_DERIVES,
	LIE_MODIFIABLE,
	LIE_VALUE,    /* CKA_VALUE of an SM2 private key can be read */
	LIE_EC_POINT, /* CKA_EC_POINT of an SM2 key is another key's point */
	LIE_WRAP,     /* these let the call through to SoftHSM2 */
	LIE_COPY,
	LIE_SET,
	LIE_CREATE,
	LIE_DERIVE,
	LIE_TOKEN_KEYS,  /* C_GenerateKeyPair ignores CKA_TOKEN: what it makes stays */
	LIE_DATA_VALUE,  /* CKA_VALUE of a data object is read with a bit flipped */
	LIE_DATA_PUBLIC, /* C_CreateObject makes data objects that need no login */
	LIE_DATA_HIDDEN, /* C_FindObjects finds nothing by CKA_APPLICATION */
	LIE_DESTROY,     /* C_DestroyObject says yes and does nothing */
	LIE_COUNT
};

/* What is odd about one mechanism. */
struct quirk {
	CK_MECHANISM_TYPE type;
	bool unlisted; /* it is not in C_GetMechanismList, and is done */
	bool undone;   /* it is listed, and not done */
	bool sized;    /* C_GetMechanismInfo tells these key sizes */
	CK_ULONG min;
	CK_ULONG max;
};

enum point_form { POINT_OCTET, POINT_RAW, POINT_XY };

/* How the imitated vendor does SM2. A mechanism number of PROFILE_NONE is off. */
struct profile {
	CK_KEY_TYPE key_type;
	CK_MECHANISM_TYPE keygen;
	CK_MECHANISM_TYPE sign_raw; /* 32-byte e in, r and s of 32 bytes each out */
	CK_MECHANISM_TYPE sign_der; /* 32-byte e in, SEQUENCE of two INTEGERs out */
	enum point_form ec_point;
	bool private_ec_point; /* the private key has CKA_EC_POINT too */
};

#define PROFILE_NONE CK_UNAVAILABLE_INFORMATION

/*
 * control_attach takes the file's name from SIGNET_SHIM_CONTROL; another name
 * than before starts from the defaults. Nothing else here may be called before
 * it.
 */
void control_attach(void);

/*
 * control_enter reads the file again if it changed, counts a call of f and
 * sets *out to the fault that strikes it. Returns false if the file cannot be
 * read or has a fault of its own: then no call may succeed.
 */
bool control_enter(enum function f, struct fault *out);

/*
 * control_wait_change returns when the file differs from its reading number
 * since. Another call may have read the change already: hence the number.
 */
void control_wait_change(unsigned long since);

/* control_spoil counts one signature and says how to spoil it. */
enum spoil control_spoil(void);

bool control_lies(enum lie lie);
enum randomness control_random(void);
struct profile control_profile(void);

/* control_quirk returns what is odd about a mechanism; nothing is a zero. */
struct quirk control_quirk(CK_MECHANISM_TYPE type);

#endif
