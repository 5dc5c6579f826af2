/* Calls that end sessions. */
#include "sessions.h"

/* SoftHSM2 numbers its sessions anew after C_Finalize: none may survive it. */
CK_RV sm2_Finalize(void *reserved)
{
	CK_RV rv = backend->C_Finalize(reserved);
	if (rv == CKR_OK) sessions_forget_all();
	return rv;
}

CK_RV sm2_CloseSession(CK_SESSION_HANDLE s)
{
	CK_RV rv = backend->C_CloseSession(s);
	sessions_forget_dead();
	return rv;
}

CK_RV sm2_CloseAllSessions(CK_SLOT_ID slot)
{
	CK_RV rv = backend->C_CloseAllSessions(slot);
	sessions_forget_dead();
	return rv;
}
