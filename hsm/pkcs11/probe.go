package pkcs11

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

// probe loads a module and asks for its function list, which it leaves in
// *list. It returns the CKR code, and NULL in *fault if all is well; else
// *fault says what is missing.
// The module stays loaded: to unload it would run its destructors, which some
// modules do not survive.
static unsigned long probe(const char *path, void **list, const char **fault) {
	unsigned long rv;

	*fault = NULL;
	*list = NULL;
	dlerror();
	void *module = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (module == NULL) {
		*fault = dlerror();
		return 0;
	}
	unsigned long (*get)(void **) = (unsigned long (*)(void **))dlsym(module, "C_GetFunctionList");
	if (get == NULL) {
		*fault = "it has no C_GetFunctionList";
		return 0;
	}
	rv = get(list);
	if (rv == 0 && *list == NULL)
		*fault = "its C_GetFunctionList gives nothing";
	return rv;
}
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"

	p11 "github.com/miekg/pkcs11"
)

// probe returns a module's CK_FUNCTION_LIST, or why it cannot be used at all. miekg/pkcs11 gives no
// reason when a library does not load, and ignores the answer of
// C_GetFunctionList, so that its first call through a list that it did not
// get ends the process.
func probe(path string) (list unsafe.Pointer, err error) {
	// dlerror is per thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var fault *C.char
	rv := C.probe(name, &list, &fault)
	if fault != nil {
		return nil, errors.New(C.GoString(fault))
	}
	if rv != p11.CKR_OK {
		return nil, called("C_GetFunctionList", p11.Error(rv))
	}
	return list, nil
}
