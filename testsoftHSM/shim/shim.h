/*
 * The signet SM2 shim: a PKCS#11 module for tests that adds SM2 to SoftHSM2
 * the way vendors do, and breaks it on request. README.md has the outside view.
 *
 * A call passes three layers:
 *
 *   faults.c   what the control file breaks: codes, hangs, delays, crashes
 *   layer two  what vendors do with SM2: find.c generate.c lies.c random.c refuse.c sign.c
 *   SoftHSM2   everything else
 */
#ifndef SIGNET_SM2SHIM_H
#define SIGNET_SM2SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <p11-kit/pkcs11.h>

#include "functions.h"

/* complain writes one line to stderr: what the shim will not do must be seen. */
#define complain(...) \
	((void)fprintf(stderr, "signet-sm2shim: " __VA_ARGS__), (void)fputc('\n', stderr))

/* backend is SoftHSM2's own function list. Set once, before any call. */
extern CK_FUNCTION_LIST *backend;

/* layer_two is backend's list with the SM2 functions put over it. */
extern CK_FUNCTION_LIST layer_two;

/* faults_install fills list with the first layer's functions. */
void faults_install(CK_FUNCTION_LIST *list);

/* refusing_list is a list whose every function returns CKR_GENERAL_ERROR. */
CK_FUNCTION_LIST *refusing_list(void);

/*
 * login_log_open and login_log_close bracket one C_Login in the file named by
 * SIGNET_SHIM_LOGIN_LOG; *call ties the two lines together. They return false
 * when the line could not be written: a login that is not counted would make a
 * test of "exactly one login" pass for the wrong reason.
 */
bool login_log_open(CK_USER_TYPE user, unsigned long *call);
bool login_log_close(CK_USER_TYPE user, unsigned long call, CK_RV rv);

/* Layer two. Each has the contract of the PKCS#11 function it is named after. */
CK_RV sm2_Finalize(void *reserved);
CK_RV sm2_CloseSession(CK_SESSION_HANDLE s);
CK_RV sm2_CloseAllSessions(CK_SLOT_ID slot);
CK_RV sm2_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n);
CK_RV sm2_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info);
CK_RV sm2_CreateObject(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *o);
CK_RV sm2_DestroyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o);
CK_RV sm2_CopyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n,
                     CK_OBJECT_HANDLE *copy);
CK_RV sm2_GetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n);
CK_RV sm2_SetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n);
CK_RV sm2_FindObjectsInit(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n);
CK_RV sm2_FindObjects(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_ULONG max, CK_ULONG *n);
CK_RV sm2_FindObjectsFinal(CK_SESSION_HANDLE s);
CK_RV sm2_SignInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key);
CK_RV sm2_Sign(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len);
CK_RV sm2_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub_t, CK_ULONG pub_n,
                          CK_ATTRIBUTE *priv_t, CK_ULONG priv_n, CK_OBJECT_HANDLE *pub,
                          CK_OBJECT_HANDLE *priv);
CK_RV sm2_WrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE wrapping,
                  CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *out_len);
CK_RV sm2_GenerateRandom(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG len);
CK_RV sm2_DeriveKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *t,
                    CK_ULONG n, CK_OBJECT_HANDLE *key);

#endif
