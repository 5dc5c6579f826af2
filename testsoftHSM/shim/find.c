/* SM2 keys are found by the vendor's key type, and not among CKK_EC keys. */
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "object.h"
#include "sessions.h"

/*
 * find_sm2 asks SoftHSM2 for CKK_EC keys on the SM2 curve in place of the
 * vendor's key type.
 */
static CK_RV find_sm2(CK_SESSION_HANDLE s, const CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_KEY_TYPE ec = CKK_EC;
	CK_BYTE oid[SM2_OID_SIZE];
	CK_ATTRIBUTE *mine = calloc(n + 1, sizeof *mine);
	if (mine == NULL) return CKR_HOST_MEMORY;
	memcpy(oid, sm2_oid, sizeof oid);
	memcpy(mine, t, n * sizeof *mine);
	CK_ATTRIBUTE *type = find_attribute(mine, n, CKA_KEY_TYPE);
	type->pValue = &ec;
	mine[n] = (CK_ATTRIBUTE){CKA_EC_PARAMS, oid, sizeof oid};
	CK_RV rv = backend->C_FindObjectsInit(s, mine, n + 1);
	free(mine);
	return rv;
}

/* find_other_application looks for the objects of an application that has none. */
static CK_RV find_other_application(CK_SESSION_HANDLE s, CK_ATTRIBUTE *application, CK_ATTRIBUTE *t, CK_ULONG n)
{
	char nobody[] = "nobody's";
	CK_ATTRIBUTE theirs = *application;
	*application = (CK_ATTRIBUTE){CKA_APPLICATION, nobody, sizeof nobody - 1};
	CK_RV rv = backend->C_FindObjectsInit(s, t, n);
	*application = theirs;
	return rv;
}

CK_RV sm2_FindObjectsInit(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_ATTRIBUTE *application = find_attribute(t, n, CKA_APPLICATION);
	if (application != NULL && control_lies(LIE_DATA_HIDDEN)) return find_other_application(s, application, t, n);
	CK_KEY_TYPE wanted;
	CK_KEY_TYPE own = control_profile().key_type;
	const CK_ATTRIBUTE *type = find_attribute(t, n, CKA_KEY_TYPE);
	if (type == NULL || own == CKK_EC || !read_ulong(type, &wanted))
		return backend->C_FindObjectsInit(s, t, n);
	if (wanted == own) return find_sm2(s, t, n);
	CK_RV rv = backend->C_FindObjectsInit(s, t, n);
	if (rv == CKR_OK && !sessions_hide_sm2(s, wanted == CKK_EC)) {
		(void)backend->C_FindObjectsFinal(s);
		return CKR_HOST_MEMORY;
	}
	return rv;
}

/* without_sm2 closes the gaps that the SM2 keys leave, and returns the rest. */
static CK_ULONG without_sm2(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_ULONG n)
{
	CK_ULONG kept = 0;
	for (CK_ULONG i = 0; i < n; i++)
		if (!object_is_sm2(s, o[i])) o[kept++] = o[i];
	return kept;
}

/* An answer of none ends a search, so a page of nothing but SM2 is skipped. */
CK_RV sm2_FindObjects(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_ULONG max, CK_ULONG *n)
{
	for (;;) {
		CK_RV rv = backend->C_FindObjects(s, o, max, n);
		if (rv != CKR_OK || *n == 0 || !sessions_hides_sm2(s)) return rv;
		*n = without_sm2(s, o, *n);
		if (*n != 0) return CKR_OK;
	}
}

CK_RV sm2_FindObjectsFinal(CK_SESSION_HANDLE s)
{
	(void)sessions_hide_sm2(s, false);
	return backend->C_FindObjectsFinal(s);
}
