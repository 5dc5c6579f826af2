/*
 * Layer one: every function asks the control file first. Nothing here knows
 * about SM2.
 */
#include <time.h>

#include "control.h"

/* A call that crashes must look like a fault of the vendor's code. */
static void crash(void)
{
	volatile char *volatile nowhere = NULL;
	*nowhere = 0;
}

/*
 * struck carries out the fault that is set for f. Returns true if the call
 * ends here, with *rv; false if it goes on to layer two. A hung call looks at
 * its setting anew whenever the file changes, and goes on once it is free.
 */
static bool struck(enum function f, CK_RV *rv)
{
	struct fault fault;
	for (;;) {
		*rv = CKR_GENERAL_ERROR;
		if (!control_enter(f, &fault)) return true;
		if (fault.action != ACTION_HANG) break;
		control_wait_change(fault.read);
	}
	switch (fault.action) {
	case ACTION_RETURN:
		*rv = fault.rv;
		return true;
	case ACTION_CRASH:
		crash();
		return true;
	case ACTION_DELAY:
		(void)nanosleep(&fault.delay, NULL);
		return false;
	case ACTION_NONE:
	case ACTION_HANG:
		break;
	}
	return false;
}

#define X(name, params, args)                      \
	static CK_RV faulty_##name params          \
	{                                          \
		CK_RV rv;                          \
		if (struck(FN_##name, &rv)) return rv; \
		return layer_two.name args;        \
	}
SHIM_FUNCTIONS(X)
#undef X

/* Each C_Initialize reads the environment anew: one process may run many tests. */
static CK_RV attached_Initialize(void *args)
{
	control_attach();
	return faulty_C_Initialize(args);
}

static CK_RV logged_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
	unsigned long call;
	if (!login_log_open(user, &call)) return CKR_GENERAL_ERROR;
	CK_RV rv = faulty_C_Login(s, user, pin, len);
	return login_log_close(user, call, rv) ? rv : CKR_GENERAL_ERROR;
}

/*
 * A caller who asks C_Sign only for the length has no signature made, so a
 * fault of C_Sign waits for the real call: miekg/pkcs11 always makes both, and
 * "the next two fail" would otherwise mean one signature.
 */
static CK_RV counted_Sign(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out,
                          CK_ULONG *out_len)
{
	if (out == NULL) return layer_two.C_Sign(s, in, in_len, out, out_len);
	return faulty_C_Sign(s, in, in_len, out, out_len);
}

void faults_install(CK_FUNCTION_LIST *list)
{
#define X(name, params, args) list->name = faulty_##name;
	SHIM_FUNCTIONS(X)
#undef X
	list->C_Initialize = attached_Initialize;
	list->C_Login = logged_Login;
	list->C_Sign = counted_Sign;
}
