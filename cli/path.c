/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths: plain, searched for, and kept inside a root. */
#include "path.h"

#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

/* Appends the component to `plain`; ".." takes the last one off and stops at the root. */
static void enter(struct text *plain, const char *component, size_t bytes)
{
	if (bytes == 0 || (bytes == 1 && component[0] == '.'))
		return;
	if (bytes == 2 && !memcmp(component, "..", 2)) {
		while (plain->bytes && plain->data[--plain->bytes] != '/')
			;
		if (plain->data)
			plain->data[plain->bytes] = '\0';
		return;
	}
	text_append(plain, "/", 1);
	text_append(plain, component, bytes);
}

static void enter_all(struct text *plain, const char *path)
{
	while (*path) {
		size_t bytes = strcspn(path, "/");

		enter(plain, path, bytes);
		path += bytes + (path[bytes] == '/');
	}
}

static char *finish(struct text *plain)
{
	if (!plain->bytes)
		text_append(plain, "/", 1);
	return plain->data;
}

char *path_normalise(const char *base, const char *path)
{
	struct text plain = { 0 };

	if (path[0] != '/')
		enter_all(&plain, base);
	enter_all(&plain, path);
	return finish(&plain);
}

const char *path_hidden_by(const char *plain)
{
	static const char *const hidden[] = { "/dev", "/proc", "/sys" };

	for (size_t i = 0; i < countof(hidden); i++) {
		size_t bytes = strlen(hidden[i]);

		if (!strncmp(plain, hidden[i], bytes) && (!plain[bytes] || plain[bytes] == '/'))
			return hidden[i];
	}
	return NULL;
}

char *path_absolute(const char *path)
{
	char *directory = path[0] == '/' ? NULL : getcwd(NULL, 0);

	if (path[0] != '/' && !directory)
		return NULL;
	char *absolute = path_normalise(directory ? directory : "/", path);
	free(directory);
	return absolute;
}

/* The target of root + at, if that is a link: its length, else -1. */
static ssize_t read_link(const char *root, const char *at, char target[PATH_MAX])
{
	char *host = format_string("%s%s", root, at);
	ssize_t bytes = readlink(host, target, PATH_MAX - 1);

	free(host);
	if (bytes >= 0)
		target[bytes] = '\0';
	return bytes;
}

/* Takes the first component off *rest and enters it, following it if it is a link. */
static void walk_component(const char *root, struct text *at, char **rest, unsigned *links)
{
	char target[PATH_MAX];
	char *path = *rest;
	size_t bytes = strcspn(path, "/");
	size_t parent_bytes = at->bytes;
	const char *behind = path + bytes + (path[bytes] == '/');

	enter(at, path, bytes);
	if (at->bytes <= parent_bytes || read_link(root, at->data, target) < 0) {
		memmove(path, behind, strlen(behind) + 1);
		return;
	}
	++*links;
	at->bytes = target[0] == '/' ? 0 : parent_bytes;
	at->data[at->bytes] = '\0';
	*rest = format_string("%s/%s", target, behind);
	free(path);
}

char *path_in_root(const char *root, const char *path)
{
	struct text at = { 0 };
	char *rest = format_string("%s", path);
	unsigned links = 0;

	while (*rest && links <= LINKS_MAX && at.bytes < PATH_MAX)
		walk_component(root, &at, &rest, &links);
	free(rest);
	if (links <= LINKS_MAX && at.bytes < PATH_MAX)
		return finish(&at);
	text_free(&at);
	errno = links > LINKS_MAX ? ELOOP : ENAMETOOLONG;
	return NULL;
}

static bool is_command(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

char *path_find_command(const char *name)
{
	const char *directories = getenv("PATH");

	if (strchr(name, '/'))
		return is_command(name) ? format_string("%s", name) : NULL;
	if (!directories)
		directories = "/usr/local/bin:/usr/bin:/bin";
	while (*directories) {
		size_t bytes = strcspn(directories, ":");
		char *path = format_string("%.*s/%s", bytes ? (int)bytes : 1,
					   bytes ? directories : ".", name);

		if (is_command(path))
			return path;
		free(path);
		directories += bytes + (directories[bytes] == ':');
	}
	errno = ENOENT;
	return NULL;
}

char *path_own_directory(void)
{
	char self[PATH_MAX];
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof self - 1);

	if (bytes < 0)
		return NULL;
	self[bytes] = '\0';
	char *slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return format_string("%s", self);
}
