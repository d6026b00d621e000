/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks for the kernel image: told by the environment, in the build tree, installed. */
#include "kernel_file.h"

#include "path.h"
#include "report.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CAPUCHIN_LIBDIR
#define CAPUCHIN_LIBDIR "/usr/local/lib/capuchin"
#endif

#define KERNEL_NAME "capuchin.elf"
#define ROM_NAME "capuchin.rom"

/* Behind the directory of the command's own executable. */
static const char *const beside[] = {
	"/" KERNEL_NAME,
	"/build/" KERNEL_NAME,
	"/../lib/capuchin/" KERNEL_NAME,
};

static int usable(const char *path, uint64_t *bytes)
{
	struct stat st;

	if (stat(path, &st) || access(path, R_OK))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	*bytes = (uint64_t)st.st_size;
	return 0;
}

char *kernel_file_find(uint64_t *bytes)
{
	const char *told = getenv("CAPUCHIN_KERNEL");
	char *own = path_own_directory();

	if (told && told[0]) {
		int err = usable(told, bytes);
		free(own);
		if (!err)
			return format_string("%s", told);
		report("%s: %s (the kernel image, from CAPUCHIN_KERNEL)", told, strerror(-err));
		return NULL;
	}
	for (size_t i = 0; own && i < countof(beside); i++) {
		char *path = format_string("%s%s", own, beside[i]);

		if (!usable(path, bytes)) {
			free(own);
			return path;
		}
		free(path);
	}
	if (!usable(CAPUCHIN_LIBDIR "/" KERNEL_NAME, bytes)) {
		free(own);
		return format_string("%s", CAPUCHIN_LIBDIR "/" KERNEL_NAME);
	}
	report("no kernel image: %s is neither in %s nor in %s; 'make' builds it, CAPUCHIN_KERNEL "
	       "names another",
	       KERNEL_NAME, own ? own : "the command's directory", CAPUCHIN_LIBDIR);
	free(own);
	return NULL;
}

char *kernel_file_find_rom(const char *kernel)
{
	const char *slash = strrchr(kernel, '/');
	int directory_bytes = slash ? (int)(slash + 1 - kernel) : 0;
	char *path = format_string("%.*s%s", directory_bytes, kernel, ROM_NAME);
	uint64_t bytes;

	if (!usable(path, &bytes))
		return path;
	free(path);
	return NULL;
}
