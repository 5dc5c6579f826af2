/*
 * signet-shim-exercise SHIM LABEL CONTROL: calls the shim in the ways that no
 * Go binding can, or that a sanitizer has to watch: small buffers, questions
 * for lengths, NULLs, operations left open, threads while the control file
 * changes. The user PIN is the line on stdin. Exit status 1 and a line on
 * stderr for the first thing that is not as it should be.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#define KEY_TYPE 0x80000004UL
#define KEYGEN 0x80008001UL
#define SIGN_RAW 0x80008105UL
#define SIGN_DER 0x80008104UL
#define THREADS 4
#define SIGNATURES 100

#define EXPECT(condition)                                                              \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "exercise.c:%d: %s\n", __LINE__, #condition);  \
			exit(1);                                                       \
		}                                                                      \
	} while (0)
#define OK(call) EXPECT((call) == CKR_OK)

static CK_FUNCTION_LIST *p11;
static CK_SLOT_ID slot;
static CK_OBJECT_HANDLE pub_key;
static CK_OBJECT_HANDLE priv_key;
static CK_BYTE e[32] = {1, 2, 3};

static void load(const char *path)
{
	CK_C_GetFunctionList get;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
	EXPECT(symbol != NULL);
	memcpy(&get, &symbol, sizeof get);
	EXPECT(get(NULL) == CKR_ARGUMENTS_BAD);
	OK(get(&p11));
	CK_FUNCTION_LIST *again = NULL;
	OK(p11->C_GetFunctionList(&again));
	EXPECT(again == p11);
}

static CK_SESSION_HANDLE open_session(void)
{
	CK_SESSION_HANDLE s;
	OK(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
	return s;
}

static void find_slot(const char *label)
{
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16;
	OK(p11->C_GetSlotList(CK_TRUE, slots, &n));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;
		OK(p11->C_GetTokenInfo(slots[i], &info));
		if (memcmp(info.label, label, strlen(label)) == 0) slot = slots[i];
	}
}

static CK_SESSION_HANDLE login(void)
{
	char pin[256];
	CK_SESSION_HANDLE s = open_session();
	EXPECT(fgets(pin, sizeof pin, stdin) != NULL);
	pin[strcspn(pin, "\n")] = '\0';
	OK(p11->C_Login(s, CKU_USER, (CK_BYTE *)pin, strlen(pin)));
	return s;
}

static void generate(CK_SESSION_HANDLE s)
{
	CK_BYTE oid[] = {0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D};
	CK_BBOOL yes = CK_TRUE;
	CK_KEY_TYPE type = KEY_TYPE;
	CK_MECHANISM m = {KEYGEN, NULL, 0};
	CK_ATTRIBUTE pub[] = {{CKA_EC_PARAMS, oid, sizeof oid}, {CKA_KEY_TYPE, &type, sizeof type}};
	CK_ATTRIBUTE priv[] = {{CKA_SIGN, &yes, sizeof yes}, {CKA_TOKEN, &yes, sizeof yes}};
	EXPECT(p11->C_GenerateKeyPair(s, &m, NULL, 0, priv, 2, &pub_key, &priv_key) ==
	       CKR_TEMPLATE_INCOMPLETE);
	EXPECT(p11->C_GenerateKeyPair(s, NULL, pub, 2, priv, 2, &pub_key, &priv_key) != CKR_OK);
	OK(p11->C_GenerateKeyPair(s, &m, pub, 2, NULL, 0, &pub_key, &priv_key));
	OK(p11->C_GenerateKeyPair(s, &m, pub, 2, priv, 2, &pub_key, &priv_key));
}

static void begin(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE type)
{
	CK_MECHANISM m = {type, NULL, 0};
	OK(p11->C_SignInit(s, &m, priv_key));
}

static void sign_with_buffers(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE type, CK_ULONG size)
{
	CK_BYTE out[72];
	CK_ULONG len = 0;
	begin(s, type);
	OK(p11->C_Sign(s, e, sizeof e, NULL, &len));
	EXPECT(len == size);
	len = size - 1;
	EXPECT(p11->C_Sign(s, e, sizeof e, out, &len) == CKR_BUFFER_TOO_SMALL && len == size);
	OK(p11->C_Sign(s, e, sizeof e, out, &len));
	EXPECT(len <= size && len >= 60);
	EXPECT(p11->C_Sign(s, e, sizeof e, out, &len) == CKR_OPERATION_NOT_INITIALIZED);
}

static void sign_badly(CK_SESSION_HANDLE s)
{
	CK_BYTE out[72];
	CK_ULONG len = sizeof out;
	begin(s, SIGN_RAW);
	EXPECT(p11->C_Sign(s, NULL, 32, out, &len) == CKR_ARGUMENTS_BAD);
	begin(s, SIGN_RAW);
	EXPECT(p11->C_Sign(s, e, 32, out, NULL) == CKR_ARGUMENTS_BAD);
	begin(s, SIGN_RAW);
	EXPECT(p11->C_Sign(s, e, 0, out, &len) == CKR_DATA_LEN_RANGE);
	EXPECT(p11->C_SignInit(s, NULL, priv_key) == CKR_ARGUMENTS_BAD);
}

static void read_attributes(CK_SESSION_HANDLE s)
{
	CK_BBOOL local = CK_FALSE;
	CK_KEY_TYPE type = 0;
	CK_BYTE small[3];
	CK_ATTRIBUTE t[] = {
		{CKA_VALUE, small, sizeof small},    {CKA_LOCAL, &local, sizeof local},
		{CKA_KEY_TYPE, &type, sizeof type},  {CKA_KEY_TYPE, small, sizeof small},
		{CKA_EXTRACTABLE, NULL, 0},
	};
	/* Each attribute is answered although the first is refused. */
	EXPECT(p11->C_GetAttributeValue(s, priv_key, t, 5) == CKR_ATTRIBUTE_SENSITIVE);
	EXPECT(t[0].ulValueLen == CK_UNAVAILABLE_INFORMATION);
	EXPECT(local == CK_TRUE && type == KEY_TYPE);
	EXPECT(t[3].ulValueLen == CK_UNAVAILABLE_INFORMATION && t[4].ulValueLen == sizeof(CK_BBOOL));
	t[3].ulValueLen = sizeof small;
	EXPECT(p11->C_GetAttributeValue(s, priv_key, &t[3], 1) == CKR_BUFFER_TOO_SMALL);
	EXPECT(p11->C_GetAttributeValue(s, priv_key, NULL, 1) == CKR_ARGUMENTS_BAD);
	CK_ATTRIBUTE point = {CKA_EC_POINT, NULL, 0};
	OK(p11->C_GetAttributeValue(s, pub_key, &point, 1));
	EXPECT(point.ulValueLen == 67);
}

static void search(CK_SESSION_HANDLE s)
{
	CK_KEY_TYPE ec = CKK_EC;
	CK_KEY_TYPE own = KEY_TYPE;
	CK_ATTRIBUTE t = {CKA_KEY_TYPE, &ec, sizeof ec};
	CK_OBJECT_HANDLE found[8];
	CK_ULONG n;
	OK(p11->C_FindObjectsInit(s, &t, 1));
	OK(p11->C_FindObjects(s, found, 8, &n));
	EXPECT(n == 0);
	OK(p11->C_FindObjectsFinal(s));
	t.pValue = &own;
	OK(p11->C_FindObjectsInit(s, &t, 1));
	OK(p11->C_FindObjects(s, found, 8, &n));
	EXPECT(n == 4);
	OK(p11->C_FindObjectsFinal(s));
	t.ulValueLen = 1;
	OK(p11->C_FindObjectsInit(s, &t, 1));
	OK(p11->C_FindObjectsFinal(s));
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11->C_FindObjectsFinal(s));
}

static void list_mechanisms(void)
{
	CK_ULONG n = 0;
	OK(p11->C_GetMechanismList(slot, NULL, &n));
	CK_MECHANISM_TYPE *list = calloc(n, sizeof *list);
	EXPECT(list != NULL);
	for (CK_ULONG room = 0; room < n; room++) {
		CK_ULONG got = room;
		EXPECT(p11->C_GetMechanismList(slot, list, &got) == CKR_BUFFER_TOO_SMALL && got == n);
	}
	OK(p11->C_GetMechanismList(slot, list, &n));
	EXPECT(list[n - 1] == SIGN_DER);
	free(list);
	EXPECT(p11->C_GetMechanismList(slot, NULL, NULL) == CKR_ARGUMENTS_BAD);
}

static void refuse(CK_SESSION_HANDLE s)
{
	CK_OBJECT_HANDLE o;
	CK_BYTE byte = 4;
	CK_ATTRIBUTE odd = {CKA_KEY_TYPE, &byte, sizeof byte};
	EXPECT(p11->C_CreateObject(s, NULL, 0, &o) != CKR_OK);
	EXPECT(p11->C_CreateObject(s, &odd, 1, &o) != CKR_OK);
	EXPECT(p11->C_CopyObject(s, priv_key, NULL, 0, &o) == CKR_ACTION_PROHIBITED);
	EXPECT(p11->C_WrapKey(s, NULL, 0, priv_key, NULL, NULL) == CKR_KEY_UNEXTRACTABLE);
}

static atomic_bool stop;

/* keep_changing plays the test that rewrites the control file. */
static void *keep_changing(void *path)
{
	char next[4096];
	(void)snprintf(next, sizeof next, "%s.exercise", (const char *)path);
	for (unsigned i = 0; !atomic_load(&stop); i++) {
		FILE *f = fopen(next, "w");
		EXPECT(f != NULL);
		fprintf(f, "%s\n# %u\n", i % 2 == 0 ? "C_Sign=delay:1us:1/3" : "sign=wrong:1/7", i);
		EXPECT(fclose(f) == 0 && rename(next, path) == 0);
	}
	return NULL;
}

/* sign_many uses a new session each time, so that the list of them is busy. */
static void *sign_many(void *unused)
{
	for (int i = 0; i < SIGNATURES; i++) {
		CK_BYTE out[72];
		CK_ULONG len = sizeof out;
		CK_SESSION_HANDLE s = open_session();
		begin(s, i % 2 == 0 ? SIGN_RAW : SIGN_DER);
		OK(p11->C_Sign(s, e, sizeof e, out, &len));
		begin(s, SIGN_RAW); /* left open */
		OK(p11->C_CloseSession(s));
	}
	return unused;
}

static void sign_in_threads(char *control)
{
	pthread_t changer;
	pthread_t signer[THREADS];
	OK((CK_RV)pthread_create(&changer, NULL, keep_changing, control));
	for (int i = 0; i < THREADS; i++) OK((CK_RV)pthread_create(&signer[i], NULL, sign_many, NULL));
	for (int i = 0; i < THREADS; i++) OK((CK_RV)pthread_join(signer[i], NULL));
	atomic_store(&stop, true);
	OK((CK_RV)pthread_join(changer, NULL));
}

int main(int argc, char **argv)
{
	EXPECT(argc == 4);
	load(argv[1]);
	EXPECT(p11->C_GetSlotList(CK_TRUE, NULL, NULL) == CKR_CRYPTOKI_NOT_INITIALIZED);
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	OK(p11->C_Initialize(&args));
	find_slot(argv[2]);
	CK_SESSION_HANDLE s = login();
	generate(s);
	sign_with_buffers(s, SIGN_RAW, 64);
	sign_with_buffers(s, SIGN_DER, 72);
	sign_badly(s);
	read_attributes(s);
	search(s);
	list_mechanisms();
	refuse(s);
	sign_in_threads(argv[3]);
	begin(s, SIGN_RAW); /* left open: C_Finalize has to clear it away */
	OK(p11->C_Finalize(NULL));
	puts("exercise: ok");
	return 0;
}
