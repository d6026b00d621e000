/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's end of the machine's AF_VSOCK. See vsock.h. */
#include "vsock.h"

#include "path.h"
#include "report.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKEND "vhost-device-vsock"

/* It needs some milliseconds for its start; on a busy host more. */
enum { START_MS_MAX = 20000, LOOK_MS = 2, MESSAGES_BYTES = 1 << 20 };

/* --- the socket's path -------------------------------------------------------------------------- */

/* Whether somebody listens there: 0, -ECONNREFUSED, or another reason why not. */
static int try_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int err = connect(fd, (struct sockaddr *)&address, sizeof address) ? -errno : 0;
	close(fd);
	return err;
}

static int refuse(const char *path, const char *why)
{
	report("--vsock: %s: %s", path, why);
	return -EINVAL;
}

static int check_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = format_string("%.*s", slash ? (int)(slash - path + 1) : 1,
					slash ? path : ".");
	char *why = NULL;

	if (access(directory, W_OK | X_OK))
		why = format_string("its directory: %s", strerror(errno));
	int err = why ? refuse(path, why) : 0;
	free(why);
	free(directory);
	return err;
}

/* What a machine before has left behind goes; anything else stays, and is in the way. */
static int clear_path(const char *path)
{
	enum { SUFFIX_BYTES = 11 }; /* _4294967294 */
	struct stat st;

	if (strlen(path) + SUFFIX_BYTES >= sizeof((struct sockaddr_un *)0)->sun_path)
		return refuse(path, "the path is too long for a socket");
	if (lstat(path, &st))
		return errno == ENOENT ? check_directory(path) : refuse(path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return refuse(path, "is there already, and no socket");
	if (try_connect(path) != -ECONNREFUSED)
		return refuse(path, "is in use");
	return unlink(path) ? refuse(path, strerror(errno)) : 0;
}

int vsock_prepare(struct vsock_host *h, const struct options *o)
{
	h->child.err_fd = -1;
	if (!o->vsock)
		return 0;
	int err = clear_path(o->vsock);
	if (err)
		return err;
	h->path = o->vsock;
	if (o->vmm != VMM_QEMU)
		return 0;
	h->program = path_find_command(BACKEND);
	if (!h->program)
		report("--vsock: " BACKEND
		       ": not found, and QEMU needs it; install the package " BACKEND);
	return h->program ? 0 : -ENOENT;
}

/* --- the other program -------------------------------------------------------------------------- */

static int make_directory(struct vsock_host *h)
{
	const char *tmp = getenv("TMPDIR");

	h->directory = format_string("%s/capuchin-vsock.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	if (!mkdtemp(h->directory)) {
		int err = errno;

		report("%s: %s", h->directory, strerror(err));
		free(h->directory);
		h->directory = NULL;
		return -err;
	}
	h->control = format_string("%s/control", h->directory);
	return 0;
}

int vsock_start(struct vsock_host *h)
{
	if (!h->program)
		return 0;
	int err = make_directory(h);
	if (err)
		return err;
	char *cid = format_string("%d", VSOCK_GUEST_CID);
	const char *const argv[] = { h->program, "--guest-cid", cid,     "--socket",
				     h->control, "--uds-path",  h->path, NULL };
	const struct child_setup setup = { .argv = (char *const *)argv, .in = -1, .out = -1 };
	err = child_start(&h->child, &setup);
	free(cid);
	/* What it says is read at its end only, and must not hold it up. */
	if (!err)
		fcntl(h->child.err_fd, F_SETPIPE_SZ, MESSAGES_BYTES);
	return err;
}

static bool has_ended(const struct vsock_host *h)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)h->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

int vsock_wait(struct vsock_host *h)
{
	struct pollfd signals = { .fd = signals_fd(), .events = POLLIN };

	if (!h->program)
		return 0;
	for (int ms = 0; ms < START_MS_MAX && !has_ended(h); ms += LOOK_MS) {
		if (!access(h->control, F_OK))
			return 0;
		poll(&signals, 1, LOOK_MS);
		if (signals_ending())
			return -EINTR;
	}
	if (has_ended(h) && child_wait(&h->child) == -EINTR)
		return -EINTR;
	report_lines(BACKEND, text_get(&h->child.err));
	report("--vsock: " BACKEND " does not start");
	return -EIO;
}

void vsock_end(struct vsock_host *h)
{
	child_kill(&h->child);
	text_free(&h->child.err);
	if (h->directory) {
		unlink(h->control);
		rmdir(h->directory);
	}
	if (h->path)
		unlink(h->path);
	free(h->control);
	free(h->directory);
	free(h->program);
}
