#include "sessions.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>

struct session {
	CK_SESSION_HANDLE handle;
	struct signing op;
	bool signs; /* op is set */
	bool hides_sm2;
	struct session *next;
};

/* A list is enough: a test has tens of sessions, and a signature takes 0.3 ms. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct session *sessions;

/* find is called with lock held. */
static struct session *find(CK_SESSION_HANDLE s)
{
	struct session *x = sessions;
	while (x != NULL && x->handle != s) x = x->next;
	return x;
}

/* find_or_add is called with lock held. NULL: no memory. */
static struct session *find_or_add(CK_SESSION_HANDLE s)
{
	struct session *x = find(s);
	if (x != NULL) return x;
	x = calloc(1, sizeof *x);
	if (x == NULL) return NULL;
	x->handle = s;
	x->next = sessions;
	sessions = x;
	return x;
}

bool sessions_begin(CK_SESSION_HANDLE s, const struct signing *op)
{
	pthread_mutex_lock(&lock);
	struct session *x = find_or_add(s);
	if (x != NULL) {
		x->op = *op;
		x->signs = true;
	}
	pthread_mutex_unlock(&lock);
	return x != NULL;
}

bool sessions_take(CK_SESSION_HANDLE s, struct signing *op)
{
	pthread_mutex_lock(&lock);
	struct session *x = find(s);
	bool found = x != NULL && x->signs;
	if (found) {
		*op = x->op;
		x->signs = false;
		OPENSSL_cleanse(&x->op, sizeof x->op);
	}
	pthread_mutex_unlock(&lock);
	return found;
}

bool sessions_hide_sm2(CK_SESSION_HANDLE s, bool hide)
{
	pthread_mutex_lock(&lock);
	struct session *x = hide ? find_or_add(s) : find(s);
	if (x != NULL) x->hides_sm2 = hide;
	pthread_mutex_unlock(&lock);
	return !hide || x != NULL;
}

bool sessions_hides_sm2(CK_SESSION_HANDLE s)
{
	pthread_mutex_lock(&lock);
	struct session *x = find(s);
	bool hides = x != NULL && x->hides_sm2;
	pthread_mutex_unlock(&lock);
	return hides;
}

static bool is_dead(CK_SESSION_HANDLE s)
{
	CK_SESSION_INFO info;
	return backend->C_GetSessionInfo(s, &info) != CKR_OK;
}

static void forget_if(bool (*forgettable)(CK_SESSION_HANDLE))
{
	pthread_mutex_lock(&lock);
	for (struct session **at = &sessions; *at != NULL;) {
		struct session *x = *at;
		if (!forgettable(x->handle)) {
			at = &x->next;
			continue;
		}
		*at = x->next;
		OPENSSL_cleanse(x, sizeof *x);
		free(x);
	}
	pthread_mutex_unlock(&lock);
}

static bool always(CK_SESSION_HANDLE s)
{
	(void)s;
	return true;
}

void sessions_forget_dead(void)
{
	forget_if(is_dead);
}

void sessions_forget_all(void)
{
	forget_if(always);
}
