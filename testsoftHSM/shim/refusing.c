/*
 * What a caller gets who must not have the shim. Callers such as miekg/pkcs11
 * do not look at the answer of C_GetFunctionList and call through the list at
 * once; with a list that refuses they get an error instead of a crash.
 */
#include "shim.h"

#define REFUSE(name, params) \
	static CK_RV refuse_##name params { return CKR_GENERAL_ERROR; }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define X(name, params, args) REFUSE(name, params)
SHIM_FUNCTIONS(X)
#undef X
REFUSE(C_GetFunctionList, (CK_FUNCTION_LIST * *list))
#pragma GCC diagnostic pop

CK_FUNCTION_LIST *refusing_list(void)
{
	static CK_FUNCTION_LIST list = {
		.version = {2, 40},
		.C_GetFunctionList = refuse_C_GetFunctionList,
#define X(name, params, args) .name = refuse_##name,
		SHIM_FUNCTIONS(X)
#undef X
	};
	return &list;
}
