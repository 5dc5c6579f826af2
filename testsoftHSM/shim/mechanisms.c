/*
 * What the module says it can do: SoftHSM2's mechanisms and the profile's, as
 * the control file has them listed. What it then does is another matter.
 */
#include <stdlib.h>
#include <string.h>

#include "control.h"

#define OWN_MAX 3

/* own_mechanisms lists the profile's mechanisms and returns their number. */
static CK_ULONG own_mechanisms(CK_MECHANISM_TYPE own[OWN_MAX])
{
	struct profile p = control_profile();
	CK_ULONG n = 0;
	if (p.keygen != PROFILE_NONE) own[n++] = p.keygen;
	if (p.sign_raw != PROFILE_NONE) own[n++] = p.sign_raw;
	if (p.sign_der != PROFILE_NONE) own[n++] = p.sign_der;
	return n;
}

/* listed takes what is not to be listed out of list and returns what is left. */
static CK_ULONG listed(CK_MECHANISM_TYPE *list, CK_ULONG n)
{
	CK_ULONG kept = 0;
	for (CK_ULONG i = 0; i < n; i++)
		if (!control_quirk(list[i]).unlisted) list[kept++] = list[i];
	return kept;
}

/* gather sets *list, which the caller frees, and *n. */
static CK_RV gather(CK_SLOT_ID slot, CK_MECHANISM_TYPE **list, CK_ULONG *n)
{
	CK_RV rv = backend->C_GetMechanismList(slot, NULL, n);
	if (rv != CKR_OK) return rv;
	*list = calloc(*n + OWN_MAX, sizeof **list);
	if (*list == NULL) return CKR_HOST_MEMORY;
	rv = backend->C_GetMechanismList(slot, *list, n);
	if (rv == CKR_OK) *n = listed(*list, *n + own_mechanisms(*list + *n));
	return rv;
}

CK_RV sm2_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
	CK_MECHANISM_TYPE *all = NULL;
	CK_ULONG all_n = 0;
	if (n == NULL) return CKR_ARGUMENTS_BAD;
	CK_RV rv = gather(slot, &all, &all_n);
	if (rv == CKR_OK && list != NULL) {
		if (*n < all_n)
			rv = CKR_BUFFER_TOO_SMALL;
		else
			memcpy(list, all, all_n * sizeof *all);
	}
	if (rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL) *n = all_n;
	free(all);
	return rv;
}

static bool is_own(CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_TYPE own[OWN_MAX];
	CK_ULONG n = own_mechanisms(own);
	for (CK_ULONG i = 0; i < n; i++)
		if (own[i] == type) return true;
	return false;
}

CK_RV sm2_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	struct quirk q = control_quirk(type);
	if (q.unlisted) return CKR_MECHANISM_INVALID;
	/* SoftHSM2 judges slot and pointer by a mechanism that it has. */
	CK_RV rv = backend->C_GetMechanismInfo(slot, is_own(type) ? CKM_ECDSA : type, info);
	if (rv != CKR_OK) return rv;
	if (is_own(type)) {
		info->ulMinKeySize = 256;
		info->ulMaxKeySize = 256;
		info->flags = type == control_profile().keygen ? CKF_GENERATE_KEY_PAIR : CKF_SIGN;
	}
	if (q.sized) {
		info->ulMinKeySize = q.min;
		info->ulMaxKeySize = q.max;
	}
	return CKR_OK;
}
