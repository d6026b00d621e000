/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories for a VMM. Each file is written beside its place and moved there when it is complete. The file names in them are
 * relative, so that the directory can be moved.
 */
#include "bundle.h"

#include "erofs_write.h"
#include "path.h"
#include "report.h"
#include "signals.h"
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_NAME "capuchin.elf"
#define IMAGE_NAME "root.img"
#define CONFIG_NAME "config.json"
#define SCRIPT_NAME "run.sh"
#define SOURCE_NAME "run.c"
#define DRAFT_NAME ".capuchin-draft"

enum { COPY_BYTES = 8 << 20 };

struct bundle {
	const struct bundle_setup *setup;
	const struct vmm *vmm;
	int directory;
};

static int refuse(const struct bundle *b, const char *name, int err)
{
	report("%s/%s: %s", b->setup->options->output, name, strerror(err));
	return -err;
}

static int open_draft(const struct bundle *b, const char *name)
{
	int fd;

	unlinkat(b->directory, DRAFT_NAME, 0);
	fd = openat(b->directory, DRAFT_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return fd < 0 ? refuse(b, name, errno) : fd;
}

/* `err` is what writing it has come to. */
static int finish_draft(const struct bundle *b, const char *name, int fd, int err)
{
	close(fd);
	if (!err && renameat(b->directory, DRAFT_NAME, b->directory, name))
		err = refuse(b, name, errno);
	if (err)
		unlinkat(b->directory, DRAFT_NAME, 0);
	return err;
}

static int write_file(const struct bundle *b, const char *name, const struct text *content)
{
	int fd = open_draft(b, name);

	if (fd < 0)
		return fd;
	errno = ENOSPC;
	bool written = write(fd, content->data, content->bytes) == (ssize_t)content->bytes;
	int err = written ? 0 : refuse(b, name, errno);
	if (!err && !strcmp(name, SCRIPT_NAME)) {
		struct stat st;

		/* Executable for whoever may read it. */
		if (!fstat(fd, &st))
			fchmod(fd, st.st_mode | (st.st_mode & 0444) >> 2);
	}
	return finish_draft(b, name, fd, err);
}

static int write_kernel(const struct bundle *b)
{
	int in = open(b->setup->kernel, O_RDONLY | O_CLOEXEC);

	if (in < 0) {
		int err = errno;
		report("%s: %s", b->setup->kernel, strerror(err));
		return -err;
	}
	int fd = open_draft(b, KERNEL_NAME);
	ssize_t sent = 1;
	while (fd >= 0 && sent > 0 && !signals_ending())
		sent = sendfile(fd, in, NULL, COPY_BYTES);
	int err = fd < 0 ? fd : 0;
	if (sent < 0)
		err = refuse(b, KERNEL_NAME, errno);
	if (signals_ending())
		err = -EINTR;
	close(in);
	return fd < 0 ? err : finish_draft(b, KERNEL_NAME, fd, err);
}

static int write_image(const struct bundle *b)
{
	uint64_t bytes;
	int fd = open_draft(b, IMAGE_NAME);

	if (fd < 0)
		return fd;
	return finish_draft(b, IMAGE_NAME, fd, erofs_write(fd, b->setup->tree, &bytes));
}

/* --- what starts it ------------------------------------------------------------------------------ */

/* For a shell: in quotes, in which only a quote is special. */
static void add_quoted(struct text *script, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789/._+,:=@%-";

	if (*word && !word[strspn(word, plain)]) {
		text_printf(script, "%s", word);
		return;
	}
	text_printf(script, "'");
	for (; *word; word++)
		text_append(script, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
	text_printf(script, "'");
}

/* As kvm_is_worth_it() in vmm.c: where the processor does not virtualise, KVM is slower than TCG, and incomplete. */
static void add_accel_choice(struct text *script)
{
	text_printf(
		script,
		"accel='-accel tcg'\n"
		"if [ -r /dev/kvm ] && [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then\n"
		"\taccel='-accel kvm -accel tcg'\n"
		"fi\n");
}

static void add_script_word(struct text *script, const char *word, bool first)
{
	if (!strcmp(word, VMM_SCRIPT_ACCEL)) {
		text_printf(script, " \\\n\t%s", word); /* several words */
		return;
	}
	text_printf(script, !first && word[0] == '-' ? " \\\n\t" : " ");
	add_quoted(script, word);
}

static int write_script(const struct bundle *b, const struct vmm_setup *setup)
{
	struct text script = { 0 };
	struct strings argv = { 0 };

	b->vmm->make_argv(&argv, setup);
	text_printf(&script,
		    "#!/bin/sh\n# Starts the machine; the program's output is on the serial "
		    "port, which is the terminal.\ncd \"$(dirname \"$0\")\" || exit 1\n");
	if (setup->options->vsock) {
		/* VMMs leave it behind, and then cannot make it. */
		text_printf(&script, "socket=");
		add_quoted(&script, setup->options->vsock);
		text_printf(&script, "\n[ ! -S \"$socket\" ] || rm -f -- \"$socket\"\n");
	}
	if (b->vmm->kind == VMM_QEMU && setup->options->accel == ACCEL_AUTO)
		add_accel_choice(&script);
	text_printf(&script, "exec");
	for (size_t i = 0; i < argv.count; i++)
		add_script_word(&script, argv.items[i], !i);
	text_printf(&script, " \"$@\"\n");
	strings_free(&argv);
	int err = write_file(b, SCRIPT_NAME, &script);
	text_free(&script);
	return err;
}

static int write_text(const struct bundle *b, const struct vmm_setup *setup, const char *name,
		      void (*make)(struct text *out, const struct vmm_setup *setup))
{
	struct text content = { 0 };

	make(&content, setup);
	int err = write_file(b, name, &content);
	text_free(&content);
	return err;
}

static void add_how(struct text *readme, const struct vmm *vmm)
{
	if (vmm->make_argv)
		text_printf(readme, "    sh " SCRIPT_NAME "\n\nstarts it. ");
	else
		text_printf(readme, "    cc -o run " SOURCE_NAME " -lkrun && ./run\n\nstarts it. ");
	if (vmm->make_config)
		text_printf(readme,
			    CONFIG_NAME " is all that %s needs, from within this directory:\n\n"
					"    %s --no-api --config-file " CONFIG_NAME "\n\n",
			    vmm->command, vmm->command);
}

static void make_readme(struct text *readme, const struct vmm_setup *setup)
{
	const struct options *o = setup->options;
	const struct vmm *vmm = vmm_get(o->vmm);

	text_printf(readme, "The program %s as a virtual machine for %s. Within this directory\n\n",
		    o->args[0], vmm->name);
	add_how(readme, vmm);
	text_printf(
		readme,
		"  " KERNEL_NAME
		"   the kernel, an ELF file for PVH and for Linux's 64-bit protocol\n"
		"  " IMAGE_NAME "       the root directory, an EROFS image, as the initrd\n\n"
		"The console is the first serial port. The last thing on it is the program's exit\n"
		"status N, as ESC _ capuchin;exit=N ESC \\, which terminals do not show; then the\n"
		"machine ends. The kernel's command line:\n\n    %s\n",
		setup->line);
	if (o->network.kind == NETWORK_TAP)
		text_printf(readme,
			    "\nThe interface %s has to be there (as root):\n\n"
			    "    ip tuntap add dev %s mode tap user USER\n"
			    "    ip addr add ADDRESS/PREFIX dev %s && ip link set %s up\n",
			    o->network.tap, o->network.tap, o->network.tap, o->network.tap);
}

static int write_starters(const struct bundle *b, const struct vmm_setup *setup)
{
	int err = 0;

	if (b->vmm->make_config)
		err = write_text(b, setup, CONFIG_NAME, b->vmm->make_config);
	if (!err && b->vmm->make_argv)
		err = write_script(b, setup);
	else if (!err)
		err = write_text(b, setup, SOURCE_NAME, b->vmm->make_source);
	return err ? err : write_text(b, setup, "README", make_readme);
}

/* --- the whole ----------------------------------------------------------------------------------- */

static int open_directory(struct bundle *b, bool *made)
{
	const char *path = b->setup->options->output;

	*made = !mkdir(path, 0777);
	b->directory = *made || errno == EEXIST ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
						: -1;
	if (b->directory >= 0)
		return 0;
	int err = errno;
	report("%s: %s", path, strerror(err));
	return -err;
}

/* The directory may be used from anywhere. */
static int settle_disks(struct options *o)
{
	int err = disks_check(o->disks, o->disk_count);

	for (size_t i = 0; !err && i < o->disk_count; i++) {
		struct disk *d = &o->disks[i];
		char *absolute = path_absolute(d->path);

		if (!absolute) {
			err = -errno;
			report("%s: %s", d->path, strerror(-err));
			return err;
		}
		free(d->path);
		d->path = absolute;
	}
	return err;
}

static int write_all(const struct bundle *b, const struct vmm_setup *setup)
{
	int err = write_kernel(b);

	if (!err)
		err = write_image(b);
	return err ? err : write_starters(b, setup);
}

static void remove_all(const struct bundle *b)
{
	static const char *const names[] = { KERNEL_NAME, IMAGE_NAME,  CONFIG_NAME,
					     SCRIPT_NAME, SOURCE_NAME, "README" };

	for (size_t i = 0; i < countof(names); i++)
		unlinkat(b->directory, names[i], 0);
	rmdir(b->setup->options->output);
}

int bundle_write(const struct bundle_setup *setup)
{
	struct options *o = setup->options;
	struct bundle b = { .setup = setup, .vmm = vmm_get(o->vmm) };
	bool made;

	o->entropy = true; /* nobody will give it a seed */
	const struct vmm_setup files = {
		.options = o,
		.path = b.vmm->command,
		.kernel = KERNEL_NAME,
		.line = setup->line,
		.image = IMAGE_NAME,
		.config = CONFIG_NAME,
	};
	int err = settle_disks(o);
	if (!err)
		err = vmm_check_options(b.vmm, o);
	if (!err && b.vmm->check)
		err = b.vmm->check(&files);
	if (!err)
		err = open_directory(&b, &made);
	if (err)
		return err;
	err = write_all(&b, &files);
	if (err && made)
		remove_all(&b);
	close(b.directory);
	return err;
}
