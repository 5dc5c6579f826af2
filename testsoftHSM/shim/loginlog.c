#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

/* Lines shorter than PIPE_BUF and O_APPEND: whole, from many processes too. */
static bool append(const char *line, size_t len)
{
	const char *path = getenv("SIGNET_SHIM_LOGIN_LOG");
	if (path == NULL || path[0] == '\0') return true;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, line, len) == (ssize_t)len;
	if (!ok) complain("cannot write login log %s: %s", path, strerror(errno));
	if (fd >= 0) (void)close(fd);
	return ok;
}

bool login_log_open(CK_USER_TYPE user, unsigned long *call)
{
	static atomic_ulong calls;
	char line[96];
	*call = atomic_fetch_add(&calls, 1) + 1;
	int n = snprintf(line, sizeof line, "%ld %lu user=%lu called\n", (long)getpid(), *call, user);
	return append(line, (size_t)n);
}

bool login_log_close(CK_USER_TYPE user, unsigned long call, CK_RV rv)
{
	char line[96];
	int n = snprintf(line, sizeof line, "%ld %lu user=%lu rv=0x%lx\n", (long)getpid(), call, user,
	                 rv);
	return append(line, (size_t)n);
}
