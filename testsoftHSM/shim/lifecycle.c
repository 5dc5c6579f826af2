/* Calls that end sessions, and what the module says it can do. */
#include <string.h>

#include "control.h"
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

/* own_mechanisms lists the profile's mechanisms and returns their number. */
static CK_ULONG own_mechanisms(CK_MECHANISM_TYPE own[3])
{
	struct profile p = control_profile();
	CK_ULONG n = 0;
	if (p.keygen != PROFILE_NONE) own[n++] = p.keygen;
	if (p.sign_raw != PROFILE_NONE) own[n++] = p.sign_raw;
	if (p.sign_der != PROFILE_NONE) own[n++] = p.sign_der;
	return n;
}

CK_RV sm2_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
	CK_MECHANISM_TYPE own[3];
	CK_ULONG own_n = own_mechanisms(own);
	if (n == NULL) return CKR_ARGUMENTS_BAD;
	if (list == NULL) {
		CK_RV rv = backend->C_GetMechanismList(slot, NULL, n);
		*n += own_n;
		return rv;
	}
	CK_ULONG room = *n;
	CK_ULONG theirs = room > own_n ? room - own_n : 0;
	CK_RV rv = backend->C_GetMechanismList(slot, list, &theirs);
	*n = theirs + own_n;
	if (rv == CKR_OK && room < *n) return CKR_BUFFER_TOO_SMALL;
	if (rv == CKR_OK) memcpy(list + theirs, own, own_n * sizeof *own);
	return rv;
}

static bool is_own(CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_TYPE own[3];
	CK_ULONG n = own_mechanisms(own);
	for (CK_ULONG i = 0; i < n; i++)
		if (own[i] == type) return true;
	return false;
}

CK_RV sm2_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	if (!is_own(type)) return backend->C_GetMechanismInfo(slot, type, info);
	/* SoftHSM2 judges slot and pointer by a mechanism that it has. */
	CK_RV rv = backend->C_GetMechanismInfo(slot, CKM_ECDSA, info);
	if (rv != CKR_OK) return rv;
	info->ulMinKeySize = 256;
	info->ulMaxKeySize = 256;
	info->flags = type == control_profile().keygen ? CKF_GENERATE_KEY_PAIR : CKF_SIGN;
	return CKR_OK;
}
