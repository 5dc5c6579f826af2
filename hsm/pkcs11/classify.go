package pkcs11

import (
	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// classify gives a code its class. Codes that vendors defined are device
// errors: those seen tell of lost links and broken states, and to take a
// request's fault for the device's costs a reconnect, while the reverse
// would leave a dead link in use.
func classify(code p11.Error) hsm.Class {
	if class, ok := codeClasses[code]; ok {
		return class
	}
	if code >= p11.CKR_VENDOR_DEFINED {
		return hsm.ClassDevice
	}
	if codeNames[code] != "" {
		return hsm.ClassRequest
	}
	return hsm.ClassUnknown
}

// vague are codes that modules use for a lost link as well as for one bad
// request. Only several of them in a row speak against the device.
func vague(code p11.Error) bool {
	return code == p11.CKR_GENERAL_ERROR || code == p11.CKR_FUNCTION_FAILED || code >= p11.CKR_VENDOR_DEFINED
}

// codeClasses are the codes that are not simply about one request.
var codeClasses = map[p11.Error]hsm.Class{
	p11.CKR_OPERATION_ACTIVE:          hsm.ClassSession,
	p11.CKR_OPERATION_NOT_INITIALIZED: hsm.ClassSession,
	p11.CKR_SESSION_CLOSED:            hsm.ClassSession,
	p11.CKR_SESSION_HANDLE_INVALID:    hsm.ClassSession,

	p11.CKR_KEY_HANDLE_INVALID:    hsm.ClassHandle,
	p11.CKR_OBJECT_HANDLE_INVALID: hsm.ClassHandle,

	p11.CKR_USER_NOT_LOGGED_IN: hsm.ClassLogin,

	p11.CKR_PIN_INCORRECT:                  hsm.ClassPIN,
	p11.CKR_PIN_INVALID:                    hsm.ClassPIN,
	p11.CKR_PIN_LEN_RANGE:                  hsm.ClassPIN,
	p11.CKR_PIN_EXPIRED:                    hsm.ClassPIN,
	p11.CKR_PIN_LOCKED:                     hsm.ClassPIN,
	p11.CKR_USER_PIN_NOT_INITIALIZED:       hsm.ClassPIN,
	p11.CKR_USER_TYPE_INVALID:              hsm.ClassPIN,
	p11.CKR_USER_ANOTHER_ALREADY_LOGGED_IN: hsm.ClassPIN,
	p11.CKR_USER_TOO_MANY_TYPES:            hsm.ClassPIN,
	p11.CKR_NEW_PIN_MODE:                   hsm.ClassPIN,
	p11.CKR_PIN_TOO_WEAK:                   hsm.ClassPIN,

	p11.CKR_HOST_MEMORY:              hsm.ClassDevice,
	p11.CKR_SLOT_ID_INVALID:          hsm.ClassDevice,
	p11.CKR_GENERAL_ERROR:            hsm.ClassDevice,
	p11.CKR_FUNCTION_FAILED:          hsm.ClassDevice,
	p11.CKR_NEED_TO_CREATE_THREADS:   hsm.ClassDevice,
	p11.CKR_CANT_LOCK:                hsm.ClassDevice,
	p11.CKR_DEVICE_ERROR:             hsm.ClassDevice,
	p11.CKR_DEVICE_MEMORY:            hsm.ClassDevice,
	p11.CKR_DEVICE_REMOVED:           hsm.ClassDevice,
	p11.CKR_TOKEN_NOT_PRESENT:        hsm.ClassDevice,
	p11.CKR_TOKEN_NOT_RECOGNIZED:     hsm.ClassDevice,
	p11.CKR_RANDOM_NO_RNG:            hsm.ClassDevice,
	p11.CKR_CRYPTOKI_NOT_INITIALIZED: hsm.ClassDevice,
	p11.CKR_MUTEX_BAD:                hsm.ClassDevice,
	p11.CKR_MUTEX_NOT_LOCKED:         hsm.ClassDevice,
	p11.CKR_FIPS_SELF_TEST_FAILED:    hsm.ClassDevice,
	p11.CKR_LIBRARY_LOAD_FAILED:      hsm.ClassDevice,

	p11.CKR_SESSION_COUNT: hsm.ClassBusy,
}

// codeNames are the codes of PKCS#11 v2.40 and v3.0.
var codeNames = map[p11.Error]string{
	p11.CKR_CANCEL:                           "CKR_CANCEL",
	p11.CKR_HOST_MEMORY:                      "CKR_HOST_MEMORY",
	p11.CKR_SLOT_ID_INVALID:                  "CKR_SLOT_ID_INVALID",
	p11.CKR_GENERAL_ERROR:                    "CKR_GENERAL_ERROR",
	p11.CKR_FUNCTION_FAILED:                  "CKR_FUNCTION_FAILED",
	p11.CKR_ARGUMENTS_BAD:                    "CKR_ARGUMENTS_BAD",
	p11.CKR_NO_EVENT:                         "CKR_NO_EVENT",
	p11.CKR_NEED_TO_CREATE_THREADS:           "CKR_NEED_TO_CREATE_THREADS",
	p11.CKR_CANT_LOCK:                        "CKR_CANT_LOCK",
	p11.CKR_ATTRIBUTE_READ_ONLY:              "CKR_ATTRIBUTE_READ_ONLY",
	p11.CKR_ATTRIBUTE_SENSITIVE:              "CKR_ATTRIBUTE_SENSITIVE",
	p11.CKR_ATTRIBUTE_TYPE_INVALID:           "CKR_ATTRIBUTE_TYPE_INVALID",
	p11.CKR_ATTRIBUTE_VALUE_INVALID:          "CKR_ATTRIBUTE_VALUE_INVALID",
	p11.CKR_ACTION_PROHIBITED:                "CKR_ACTION_PROHIBITED",
	p11.CKR_DATA_INVALID:                     "CKR_DATA_INVALID",
	p11.CKR_DATA_LEN_RANGE:                   "CKR_DATA_LEN_RANGE",
	p11.CKR_DEVICE_ERROR:                     "CKR_DEVICE_ERROR",
	p11.CKR_DEVICE_MEMORY:                    "CKR_DEVICE_MEMORY",
	p11.CKR_DEVICE_REMOVED:                   "CKR_DEVICE_REMOVED",
	p11.CKR_ENCRYPTED_DATA_INVALID:           "CKR_ENCRYPTED_DATA_INVALID",
	p11.CKR_ENCRYPTED_DATA_LEN_RANGE:         "CKR_ENCRYPTED_DATA_LEN_RANGE",
	p11.CKR_FUNCTION_CANCELED:                "CKR_FUNCTION_CANCELED",
	p11.CKR_FUNCTION_NOT_PARALLEL:            "CKR_FUNCTION_NOT_PARALLEL",
	p11.CKR_FUNCTION_NOT_SUPPORTED:           "CKR_FUNCTION_NOT_SUPPORTED",
	p11.CKR_KEY_HANDLE_INVALID:               "CKR_KEY_HANDLE_INVALID",
	p11.CKR_KEY_SIZE_RANGE:                   "CKR_KEY_SIZE_RANGE",
	p11.CKR_KEY_TYPE_INCONSISTENT:            "CKR_KEY_TYPE_INCONSISTENT",
	p11.CKR_KEY_NOT_NEEDED:                   "CKR_KEY_NOT_NEEDED",
	p11.CKR_KEY_CHANGED:                      "CKR_KEY_CHANGED",
	p11.CKR_KEY_NEEDED:                       "CKR_KEY_NEEDED",
	p11.CKR_KEY_INDIGESTIBLE:                 "CKR_KEY_INDIGESTIBLE",
	p11.CKR_KEY_FUNCTION_NOT_PERMITTED:       "CKR_KEY_FUNCTION_NOT_PERMITTED",
	p11.CKR_KEY_NOT_WRAPPABLE:                "CKR_KEY_NOT_WRAPPABLE",
	p11.CKR_KEY_UNEXTRACTABLE:                "CKR_KEY_UNEXTRACTABLE",
	p11.CKR_MECHANISM_INVALID:                "CKR_MECHANISM_INVALID",
	p11.CKR_MECHANISM_PARAM_INVALID:          "CKR_MECHANISM_PARAM_INVALID",
	p11.CKR_OBJECT_HANDLE_INVALID:            "CKR_OBJECT_HANDLE_INVALID",
	p11.CKR_OPERATION_ACTIVE:                 "CKR_OPERATION_ACTIVE",
	p11.CKR_OPERATION_NOT_INITIALIZED:        "CKR_OPERATION_NOT_INITIALIZED",
	p11.CKR_PIN_INCORRECT:                    "CKR_PIN_INCORRECT",
	p11.CKR_PIN_INVALID:                      "CKR_PIN_INVALID",
	p11.CKR_PIN_LEN_RANGE:                    "CKR_PIN_LEN_RANGE",
	p11.CKR_PIN_EXPIRED:                      "CKR_PIN_EXPIRED",
	p11.CKR_PIN_LOCKED:                       "CKR_PIN_LOCKED",
	p11.CKR_SESSION_CLOSED:                   "CKR_SESSION_CLOSED",
	p11.CKR_SESSION_COUNT:                    "CKR_SESSION_COUNT",
	p11.CKR_SESSION_HANDLE_INVALID:           "CKR_SESSION_HANDLE_INVALID",
	p11.CKR_SESSION_PARALLEL_NOT_SUPPORTED:   "CKR_SESSION_PARALLEL_NOT_SUPPORTED",
	p11.CKR_SESSION_READ_ONLY:                "CKR_SESSION_READ_ONLY",
	p11.CKR_SESSION_EXISTS:                   "CKR_SESSION_EXISTS",
	p11.CKR_SESSION_READ_ONLY_EXISTS:         "CKR_SESSION_READ_ONLY_EXISTS",
	p11.CKR_SESSION_READ_WRITE_SO_EXISTS:     "CKR_SESSION_READ_WRITE_SO_EXISTS",
	p11.CKR_SIGNATURE_INVALID:                "CKR_SIGNATURE_INVALID",
	p11.CKR_SIGNATURE_LEN_RANGE:              "CKR_SIGNATURE_LEN_RANGE",
	p11.CKR_TEMPLATE_INCOMPLETE:              "CKR_TEMPLATE_INCOMPLETE",
	p11.CKR_TEMPLATE_INCONSISTENT:            "CKR_TEMPLATE_INCONSISTENT",
	p11.CKR_TOKEN_NOT_PRESENT:                "CKR_TOKEN_NOT_PRESENT",
	p11.CKR_TOKEN_NOT_RECOGNIZED:             "CKR_TOKEN_NOT_RECOGNIZED",
	p11.CKR_TOKEN_WRITE_PROTECTED:            "CKR_TOKEN_WRITE_PROTECTED",
	p11.CKR_UNWRAPPING_KEY_HANDLE_INVALID:    "CKR_UNWRAPPING_KEY_HANDLE_INVALID",
	p11.CKR_UNWRAPPING_KEY_SIZE_RANGE:        "CKR_UNWRAPPING_KEY_SIZE_RANGE",
	p11.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT: "CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT",
	p11.CKR_USER_ALREADY_LOGGED_IN:           "CKR_USER_ALREADY_LOGGED_IN",
	p11.CKR_USER_NOT_LOGGED_IN:               "CKR_USER_NOT_LOGGED_IN",
	p11.CKR_USER_PIN_NOT_INITIALIZED:         "CKR_USER_PIN_NOT_INITIALIZED",
	p11.CKR_USER_TYPE_INVALID:                "CKR_USER_TYPE_INVALID",
	p11.CKR_USER_ANOTHER_ALREADY_LOGGED_IN:   "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
	p11.CKR_USER_TOO_MANY_TYPES:              "CKR_USER_TOO_MANY_TYPES",
	p11.CKR_WRAPPED_KEY_INVALID:              "CKR_WRAPPED_KEY_INVALID",
	p11.CKR_WRAPPED_KEY_LEN_RANGE:            "CKR_WRAPPED_KEY_LEN_RANGE",
	p11.CKR_WRAPPING_KEY_HANDLE_INVALID:      "CKR_WRAPPING_KEY_HANDLE_INVALID",
	p11.CKR_WRAPPING_KEY_SIZE_RANGE:          "CKR_WRAPPING_KEY_SIZE_RANGE",
	p11.CKR_WRAPPING_KEY_TYPE_INCONSISTENT:   "CKR_WRAPPING_KEY_TYPE_INCONSISTENT",
	p11.CKR_RANDOM_SEED_NOT_SUPPORTED:        "CKR_RANDOM_SEED_NOT_SUPPORTED",
	p11.CKR_RANDOM_NO_RNG:                    "CKR_RANDOM_NO_RNG",
	p11.CKR_DOMAIN_PARAMS_INVALID:            "CKR_DOMAIN_PARAMS_INVALID",
	p11.CKR_CURVE_NOT_SUPPORTED:              "CKR_CURVE_NOT_SUPPORTED",
	p11.CKR_BUFFER_TOO_SMALL:                 "CKR_BUFFER_TOO_SMALL",
	p11.CKR_SAVED_STATE_INVALID:              "CKR_SAVED_STATE_INVALID",
	p11.CKR_INFORMATION_SENSITIVE:            "CKR_INFORMATION_SENSITIVE",
	p11.CKR_STATE_UNSAVEABLE:                 "CKR_STATE_UNSAVEABLE",
	p11.CKR_CRYPTOKI_NOT_INITIALIZED:         "CKR_CRYPTOKI_NOT_INITIALIZED",
	p11.CKR_CRYPTOKI_ALREADY_INITIALIZED:     "CKR_CRYPTOKI_ALREADY_INITIALIZED",
	p11.CKR_MUTEX_BAD:                        "CKR_MUTEX_BAD",
	p11.CKR_MUTEX_NOT_LOCKED:                 "CKR_MUTEX_NOT_LOCKED",
	p11.CKR_NEW_PIN_MODE:                     "CKR_NEW_PIN_MODE",
	p11.CKR_NEXT_OTP:                         "CKR_NEXT_OTP",
	p11.CKR_EXCEEDED_MAX_ITERATIONS:          "CKR_EXCEEDED_MAX_ITERATIONS",
	p11.CKR_FIPS_SELF_TEST_FAILED:            "CKR_FIPS_SELF_TEST_FAILED",
	p11.CKR_LIBRARY_LOAD_FAILED:              "CKR_LIBRARY_LOAD_FAILED",
	p11.CKR_PIN_TOO_WEAK:                     "CKR_PIN_TOO_WEAK",
	p11.CKR_PUBLIC_KEY_INVALID:               "CKR_PUBLIC_KEY_INVALID",
	p11.CKR_FUNCTION_REJECTED:                "CKR_FUNCTION_REJECTED",
}
