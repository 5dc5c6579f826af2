/*
 * signet-inittoken MODULE LABEL: initialises the first slot without a token
 * and prints its number. The SO PIN and the user PIN are the two lines on
 * stdin: softhsm2-util takes them from its arguments or a terminal only, and
 * arguments can be read by every user of the machine.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#define LABEL_SIZE 32 /* CK_TOKEN_INFO.label, padded with blanks */

static CK_FUNCTION_LIST *module;

static void must(CK_RV rv, const char *what)
{
	if (rv == CKR_OK) return;
	fprintf(stderr, "signet-inittoken: %s: CKR 0x%lx\n", what, rv);
	exit(1);
}

static void load(const char *path)
{
	CK_C_GetFunctionList get = NULL;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
	if (symbol == NULL) {
		fprintf(stderr, "signet-inittoken: loading %s: %s\n", path, dlerror());
		exit(1);
	}
	memcpy(&get, &symbol, sizeof get);
	must(get(&module), "C_GetFunctionList");
	must(module->C_Initialize(NULL), "C_Initialize");
}

static CK_SLOT_ID free_slot(void)
{
	CK_SLOT_ID slots[64];
	CK_ULONG n = sizeof slots / sizeof *slots;
	must(module->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;
		must(module->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
		if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) return slots[i];
	}
	fprintf(stderr, "signet-inittoken: no slot without a token\n");
	exit(1);
}

static CK_ULONG read_line(char *out, int size)
{
	if (fgets(out, size, stdin) == NULL) {
		fprintf(stderr, "signet-inittoken: want SO PIN and user PIN on stdin\n");
		exit(2);
	}
	out[strcspn(out, "\n")] = '\0';
	return strlen(out);
}

static void init_token(CK_SLOT_ID slot, const char *label)
{
	char so[256];
	char user[256];
	CK_BYTE padded[LABEL_SIZE];
	CK_SESSION_HANDLE s;
	CK_ULONG so_len = read_line(so, sizeof so);
	CK_ULONG user_len = read_line(user, sizeof user);
	memset(padded, ' ', sizeof padded);
	memcpy(padded, label, strlen(label));
	must(module->C_InitToken(slot, (CK_BYTE *)so, so_len, padded), "C_InitToken");
	must(module->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s),
	     "C_OpenSession");
	must(module->C_Login(s, CKU_SO, (CK_BYTE *)so, so_len), "C_Login");
	must(module->C_InitPIN(s, (CK_BYTE *)user, user_len), "C_InitPIN");
}

int main(int argc, char **argv)
{
	if (argc != 3 || strlen(argv[2]) > LABEL_SIZE) {
		fprintf(stderr, "usage: signet-inittoken MODULE LABEL <PINS\n");
		return 2;
	}
	load(argv[1]);
	CK_SLOT_ID slot = free_slot();
	init_token(slot, argv[2]);
	must(module->C_Finalize(NULL), "C_Finalize");
	printf("%lu\n", slot);
	return 0;
}
