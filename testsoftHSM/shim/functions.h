/*
 * SHIM_FUNCTIONS lists every function of the PKCS#11 v2.40 function list but
 * C_GetFunctionList, in its order, as X(name, parameters, arguments).
 *
 * One list makes the three things that must never disagree: the names of the
 * control file, the wrappers that inject faults, and the functions that refuse.
 */
#ifndef SIGNET_SM2SHIM_FUNCTIONS_H
#define SIGNET_SM2SHIM_FUNCTIONS_H

#define SHIM_FUNCTIONS(X)                                                                          \
	X(C_Initialize, (void *args), (args))                                                      \
	X(C_Finalize, (void *reserved), (reserved))                                                \
	X(C_GetInfo, (CK_INFO * info), (info))                                                     \
	X(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID * slots, CK_ULONG * n), (present, slots, n)) \
	X(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO * info), (slot, info))                     \
	X(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO * info), (slot, info))                   \
	X(C_GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE * list, CK_ULONG * n),           \
	  (slot, list, n))                                                                         \
	X(C_GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO * info), \
	  (slot, type, info))                                                                      \
	X(C_InitToken, (CK_SLOT_ID slot, CK_BYTE * pin, CK_ULONG len, CK_BYTE * label),            \
	  (slot, pin, len, label))                                                                 \
	X(C_InitPIN, (CK_SESSION_HANDLE s, CK_BYTE * pin, CK_ULONG len), (s, pin, len))            \
	X(C_SetPIN,                                                                                \
	  (CK_SESSION_HANDLE s, CK_BYTE * old, CK_ULONG old_len, CK_BYTE * pin, CK_ULONG len),     \
	  (s, old, old_len, pin, len))                                                             \
	X(C_OpenSession,                                                                           \
	  (CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE * s),   \
	  (slot, flags, app, notify, s))                                                           \
	X(C_CloseSession, (CK_SESSION_HANDLE s), (s))                                              \
	X(C_CloseAllSessions, (CK_SLOT_ID slot), (slot))                                           \
	X(C_GetSessionInfo, (CK_SESSION_HANDLE s, CK_SESSION_INFO * info), (s, info))              \
	X(C_GetOperationState, (CK_SESSION_HANDLE s, CK_BYTE * state, CK_ULONG * len),             \
	  (s, state, len))                                                                         \
	X(C_SetOperationState,                                                                     \
	  (CK_SESSION_HANDLE s, CK_BYTE * state, CK_ULONG len, CK_OBJECT_HANDLE encryption,        \
	   CK_OBJECT_HANDLE authentication),                                                       \
	  (s, state, len, encryption, authentication))                                             \
	X(C_Login, (CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_BYTE * pin, CK_ULONG len),          \
	  (s, user, pin, len))                                                                     \
	X(C_Logout, (CK_SESSION_HANDLE s), (s))                                                    \
	X(C_CreateObject,                                                                          \
	  (CK_SESSION_HANDLE s, CK_ATTRIBUTE * t, CK_ULONG n, CK_OBJECT_HANDLE * o), (s, t, n, o)) \
	X(C_CopyObject,                                                                            \
	  (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE * t, CK_ULONG n,                  \
	   CK_OBJECT_HANDLE * copy),                                                               \
	  (s, o, t, n, copy))                                                                      \
	X(C_DestroyObject, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o), (s, o))                      \
	X(C_GetObjectSize, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ULONG * size),             \
	  (s, o, size))                                                                            \
	X(C_GetAttributeValue,                                                                     \
	  (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE * t, CK_ULONG n), (s, o, t, n))   \
	X(C_SetAttributeValue,                                                                     \
	  (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE * t, CK_ULONG n), (s, o, t, n))   \
	X(C_FindObjectsInit, (CK_SESSION_HANDLE s, CK_ATTRIBUTE * t, CK_ULONG n), (s, t, n))       \
	X(C_FindObjects,                                                                           \
	  (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE * o, CK_ULONG max, CK_ULONG * n), (s, o, max, n)) \
	X(C_FindObjectsFinal, (CK_SESSION_HANDLE s), (s))                                          \
	X(C_EncryptInit, (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE key),            \
	  (s, m, key))                                                                             \
	X(C_Encrypt,                                                                               \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_EncryptUpdate,                                                                         \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_EncryptFinal, (CK_SESSION_HANDLE s, CK_BYTE * out, CK_ULONG * out_len),                \
	  (s, out, out_len))                                                                       \
	X(C_DecryptInit, (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE key),            \
	  (s, m, key))                                                                             \
	X(C_Decrypt,                                                                               \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_DecryptUpdate,                                                                         \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_DecryptFinal, (CK_SESSION_HANDLE s, CK_BYTE * out, CK_ULONG * out_len),                \
	  (s, out, out_len))                                                                       \
	X(C_DigestInit, (CK_SESSION_HANDLE s, CK_MECHANISM * m), (s, m))                           \
	X(C_Digest,                                                                                \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_DigestUpdate, (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len), (s, in, in_len))   \
	X(C_DigestKey, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key), (s, key))                      \
	X(C_DigestFinal, (CK_SESSION_HANDLE s, CK_BYTE * out, CK_ULONG * out_len),                 \
	  (s, out, out_len))                                                                       \
	X(C_SignInit, (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE key), (s, m, key))  \
	X(C_Sign,                                                                                  \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_SignUpdate, (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len), (s, in, in_len))     \
	X(C_SignFinal, (CK_SESSION_HANDLE s, CK_BYTE * out, CK_ULONG * out_len),                   \
	  (s, out, out_len))                                                                       \
	X(C_SignRecoverInit, (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE key),        \
	  (s, m, key))                                                                             \
	X(C_SignRecover,                                                                           \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_VerifyInit, (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE key),             \
	  (s, m, key))                                                                             \
	X(C_Verify,                                                                                \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * sig, CK_ULONG sig_len),   \
	  (s, in, in_len, sig, sig_len))                                                           \
	X(C_VerifyUpdate, (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len), (s, in, in_len))   \
	X(C_VerifyFinal, (CK_SESSION_HANDLE s, CK_BYTE * sig, CK_ULONG sig_len),                   \
	  (s, sig, sig_len))                                                                       \
	X(C_VerifyRecoverInit, (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE key),      \
	  (s, m, key))                                                                             \
	X(C_VerifyRecover,                                                                         \
	  (CK_SESSION_HANDLE s, CK_BYTE * sig, CK_ULONG sig_len, CK_BYTE * out,                    \
	   CK_ULONG * out_len),                                                                    \
	  (s, sig, sig_len, out, out_len))                                                         \
	X(C_DigestEncryptUpdate,                                                                   \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_DecryptDigestUpdate,                                                                   \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_SignEncryptUpdate,                                                                     \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_DecryptVerifyUpdate,                                                                   \
	  (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
	  (s, in, in_len, out, out_len))                                                           \
	X(C_GenerateKey,                                                                           \
	  (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_ATTRIBUTE * t, CK_ULONG n,                    \
	   CK_OBJECT_HANDLE * key),                                                                \
	  (s, m, t, n, key))                                                                       \
	X(C_GenerateKeyPair,                                                                       \
	  (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_ATTRIBUTE * pub_t, CK_ULONG pub_n,            \
	   CK_ATTRIBUTE * priv_t, CK_ULONG priv_n, CK_OBJECT_HANDLE * pub,                         \
	   CK_OBJECT_HANDLE * priv),                                                               \
	  (s, m, pub_t, pub_n, priv_t, priv_n, pub, priv))                                         \
	X(C_WrapKey,                                                                               \
	  (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key, \
	   CK_BYTE * out, CK_ULONG * out_len),                                                     \
	  (s, m, wrapping, key, out, out_len))                                                     \
	X(C_UnwrapKey,                                                                             \
	  (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE unwrapping, CK_BYTE * in,       \
	   CK_ULONG in_len, CK_ATTRIBUTE * t, CK_ULONG n, CK_OBJECT_HANDLE * key),                 \
	  (s, m, unwrapping, in, in_len, t, n, key))                                               \
	X(C_DeriveKey,                                                                             \
	  (CK_SESSION_HANDLE s, CK_MECHANISM * m, CK_OBJECT_HANDLE base, CK_ATTRIBUTE * t,         \
	   CK_ULONG n, CK_OBJECT_HANDLE * key),                                                    \
	  (s, m, base, t, n, key))                                                                 \
	X(C_SeedRandom, (CK_SESSION_HANDLE s, CK_BYTE * seed, CK_ULONG len), (s, seed, len))       \
	X(C_GenerateRandom, (CK_SESSION_HANDLE s, CK_BYTE * out, CK_ULONG len), (s, out, len))     \
	X(C_GetFunctionStatus, (CK_SESSION_HANDLE s), (s))                                         \
	X(C_CancelFunction, (CK_SESSION_HANDLE s), (s))                                            \
	X(C_WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID * slot, void *reserved),                 \
	  (flags, slot, reserved))

#endif
