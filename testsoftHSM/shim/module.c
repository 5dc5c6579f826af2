/* Loading: the guard, the backend, and the two function lists. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "shim.h"

#define DEFAULT_BACKEND "/usr/lib/softhsm/libsofthsm2.so"

#define EXPORTED __attribute__((visibility("default")))

CK_FUNCTION_LIST *backend;
CK_FUNCTION_LIST layer_two;

static CK_FUNCTION_LIST layer_one;

EXPORTED CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

static void build_lists(void)
{
	layer_two = *backend;
	layer_two.C_GetFunctionList = C_GetFunctionList;
	layer_two.C_Finalize = sm2_Finalize;
	layer_two.C_CloseSession = sm2_CloseSession;
	layer_two.C_CloseAllSessions = sm2_CloseAllSessions;
	layer_two.C_GetMechanismList = sm2_GetMechanismList;
	layer_two.C_GetMechanismInfo = sm2_GetMechanismInfo;
	layer_two.C_CreateObject = sm2_CreateObject;
	layer_two.C_DestroyObject = sm2_DestroyObject;
	layer_two.C_CopyObject = sm2_CopyObject;
	layer_two.C_GetAttributeValue = sm2_GetAttributeValue;
	layer_two.C_SetAttributeValue = sm2_SetAttributeValue;
	layer_two.C_FindObjectsInit = sm2_FindObjectsInit;
	layer_two.C_FindObjects = sm2_FindObjects;
	layer_two.C_FindObjectsFinal = sm2_FindObjectsFinal;
	layer_two.C_SignInit = sm2_SignInit;
	layer_two.C_Sign = sm2_Sign;
	layer_two.C_GenerateKeyPair = sm2_GenerateKeyPair;
	layer_two.C_WrapKey = sm2_WrapKey;
	layer_two.C_DeriveKey = sm2_DeriveKey;
	layer_two.C_GenerateRandom = sm2_GenerateRandom;

	layer_one = layer_two;
	faults_install(&layer_one);
}

/* open_backend returns SoftHSM2's function list, or NULL having said why. */
static CK_FUNCTION_LIST *open_backend(void)
{
	const char *path = getenv("SIGNET_SHIM_BACKEND");
	if (path == NULL || path[0] == '\0') path = DEFAULT_BACKEND;
	/* RTLD_LOCAL: both modules export a C_GetFunctionList. */
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
	if (symbol == NULL) {
		complain("cannot load backend %s: %s", path, dlerror());
		return NULL;
	}
	CK_C_GetFunctionList get;
	memcpy(&get, &symbol, sizeof get); /* ISO C has no cast from object to function pointer */
	CK_FUNCTION_LIST *list = NULL;
	CK_RV rv = get(&list);
	if (rv == CKR_OK && list != NULL) return list;
	complain("backend %s: C_GetFunctionList returned 0x%lx", path, rv);
	return NULL;
}

/* load opens the backend once; a failure is tried again by the next caller. */
static bool load(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&lock);
	if (backend == NULL) {
		backend = open_backend();
		if (backend != NULL) {
			control_attach();
			build_lists();
		}
	}
	bool loaded = backend != NULL;
	pthread_mutex_unlock(&lock);
	return loaded;
}

static bool wanted_for_tests(void)
{
	const char *guard = getenv("SIGNET_SHIM_TEST_ONLY");
	if (guard != NULL && strcmp(guard, "1") == 0) return true;
	complain("refusing to load: this module hands out private keys and is for tests only"
	         " (they set SIGNET_SHIM_TEST_ONLY=1)");
	return false;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	if (list == NULL) return CKR_ARGUMENTS_BAD;
	if (!wanted_for_tests() || !load()) {
		*list = refusing_list();
		return CKR_GENERAL_ERROR;
	}
	*list = &layer_one;
	return CKR_OK;
}
