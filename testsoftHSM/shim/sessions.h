/* What the shim remembers of a session: its SM2 signature and its search. */
#ifndef SIGNET_SM2SHIM_SESSIONS_H
#define SIGNET_SM2SHIM_SESSIONS_H

#include "shim.h"
#include "sm2.h"

/* A signature between C_SignInit and the end of C_Sign. */
struct signing {
	CK_OBJECT_HANDLE key;
	CK_BYTE scalar[SM2_SCALAR];
	bool der;
	bool needs_login; /* the key is a private object */
};

/* sessions_begin keeps a copy of *op; false if there is no memory for it. */
bool sessions_begin(CK_SESSION_HANDLE s, const struct signing *op);

/*
 * sessions_take moves the signature out to *op; false if s has none. Only the
 * taker can go on with it, whatever other threads do with the session.
 */
bool sessions_take(CK_SESSION_HANDLE s, struct signing *op);

/* sessions_hide_sm2 says whether the running search of s leaves out SM2 keys. */
bool sessions_hide_sm2(CK_SESSION_HANDLE s, bool hide);
bool sessions_hides_sm2(CK_SESSION_HANDLE s);

/* Forgetting wipes the scalars. Dead: SoftHSM2 no longer knows the session. */
void sessions_forget_dead(void);
void sessions_forget_all(void);

#endif
