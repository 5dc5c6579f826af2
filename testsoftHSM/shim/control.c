#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

#define CONTROL_MAX 65536 /* bytes; a longer file is a mistake */

/* All below is guarded by lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool attached;       /* settings is set */
static char *path;          /* NULL: no control file, nothing is broken */
static struct stat version; /* of the file that settings came from */
static bool seen;           /* version is set */
static bool broken;         /* the file could not be understood */
static unsigned long reads; /* of the file, so far */
static struct settings settings;

/* same_path takes two names of which either may be NULL. */
static bool same_path(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/*
 * A host that recovers by C_Finalize and C_Initialize must not get "the first
 * three calls fail" all over again, so the same file goes on where it was.
 */
void control_attach(void)
{
	const char *name = getenv("SIGNET_SHIM_CONTROL");
	if (name != NULL && name[0] == '\0') name = NULL;
	pthread_mutex_lock(&lock);
	if (!attached || !same_path(path, name)) {
		free(path);
		path = name != NULL ? strdup(name) : NULL;
		settings_defaults(&settings);
		attached = true;
		seen = false;
		broken = name != NULL && path == NULL;
	}
	pthread_mutex_unlock(&lock);
}

/*
 * The inode is compared because the file is replaced by rename, the time
 * because an inode's number is used again. Writers make the times differ.
 */
static bool same_version(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* changed is called with lock held. A file that is gone counts as a change. */
static bool changed(void)
{
	struct stat now;
	return !seen || stat(path, &now) != 0 || !same_version(&now, &version);
}

/* read_all returns version.st_size bytes and a NUL, or NULL with errno. */
static char *read_all(int fd)
{
	size_t size = (size_t)version.st_size;
	char *text = calloc(1, size + 1);
	if (text == NULL || read(fd, text, size) == version.st_size) return text;
	free(text);
	errno = EIO; /* it shrank meanwhile: whoever writes it must rename it into place */
	return NULL;
}

/* slurp reads the file at path and notes its version. Returns NULL with errno. */
static char *slurp(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return NULL;
	char *text = NULL;
	errno = EFBIG;
	if (fstat(fd, &version) == 0 && version.st_size < CONTROL_MAX) text = read_all(fd);
	int why = errno;
	(void)close(fd);
	errno = why;
	return text;
}

/* reload is called with lock held and the file changed. */
static void reload(void)
{
	struct mistake m = {1, "", "the file has a NUL byte"};
	reads++;
	seen = false;
	char *text = slurp();
	if (text == NULL) {
		complain("cannot read control file %s: %s", path, strerror(errno));
		broken = true;
		return;
	}
	seen = true;
	broken = strlen(text) != (size_t)version.st_size || !settings_parse(&settings, text, &m);
	if (broken) complain("control file %s, line %u, key \"%s\": %s", path, m.line, m.key, m.why);
	free(text);
}

bool control_enter(enum function f, struct fault *out)
{
	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&lock);
	if (path != NULL && changed()) reload();
	bool ok = !broken;
	struct fault *fault = &settings.fault[f];
	if (ok && fault->action != ACTION_NONE && rate_strikes(fault->rate, ++fault->calls)) *out = *fault;
	out->read = reads;
	pthread_mutex_unlock(&lock);
	return ok;
}

void control_wait_change(unsigned long since)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	for (bool wait = true; wait;) {
		(void)nanosleep(&pause, NULL);
		pthread_mutex_lock(&lock);
		wait = path != NULL && reads == since && !changed();
		pthread_mutex_unlock(&lock);
	}
}

enum spoil control_spoil(void)
{
	enum spoil spoil = SPOIL_NONE;
	pthread_mutex_lock(&lock);
	if (settings.spoil != SPOIL_NONE && rate_strikes(settings.spoil_rate, ++settings.signatures))
		spoil = settings.spoil;
	pthread_mutex_unlock(&lock);
	return spoil;
}

bool control_lies(enum lie lie)
{
	pthread_mutex_lock(&lock);
	bool lies = settings.lie[lie];
	pthread_mutex_unlock(&lock);
	return lies;
}

enum randomness control_random(void)
{
	pthread_mutex_lock(&lock);
	enum randomness random = settings.random;
	pthread_mutex_unlock(&lock);
	return random;
}

struct profile control_profile(void)
{
	pthread_mutex_lock(&lock);
	struct profile p = settings.profile;
	pthread_mutex_unlock(&lock);
	return p;
}

struct quirk control_quirk(CK_MECHANISM_TYPE type)
{
	struct quirk found = {.type = type};
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < settings.quirks; i++)
		if (settings.quirk[i].type == type) found = settings.quirk[i];
	pthread_mutex_unlock(&lock);
	return found;
}
