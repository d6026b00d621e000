/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plugin for QEMU's TCG that counts guest instructions: the same number on every machine, however busy it is.
 *
 *	qemu-system-x86_64 -accel tcg ... -plugin build/bench/icount.so,out=FILE,NAME=ADDRESS,...
 *
 * When the instruction at ADDRESS (virtual, hexadecimal, the target of a jump) is first reached, FILE gets a line "NAME count",
 * the instructions executed since power-on, firmware included; at the end a line "total count". Counted by whole translation
 * blocks: one that a fault leaves half-way counts in full.
 *
 * counter=FILE has the running count lie in FILE, eight bytes, which may be read at any time (od -An -tu8).
 *
 * Debian's QEMU 7.2 loads plugins but comes without qemu-plugin.h: what is used of version 1 of its interface
 * (docs/devel/tcg-plugins.rst in QEMU) is declared here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*fn)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*fn)(unsigned cpu, void *context),
					  enum qemu_plugin_cb_flags flags, void *context);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
					      void *counter, uint64_t operand);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*fn)(qemu_plugin_id_t, void *),
				    void *context);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

struct mark {
	const char *name;
	uint64_t address;
	bool reached;
};

/* One machine per process, and the interface hands no context to a translation: hence file scope. */
static struct {
	uint64_t *executed;
	uint64_t own; /* where the count is without counter= */
	FILE *out;
	struct mark marks[32];
	size_t mark_count;
} plugin = { .executed = &plugin.own };

static void report(const char *name)
{
	fprintf(plugin.out, "%s %llu\n", name, (unsigned long long)*plugin.executed);
	fflush(plugin.out);
}

static void on_reached(unsigned cpu, void *context)
{
	struct mark *mark = context;

	(void)cpu;
	if (mark->reached)
		return;
	mark->reached = true;
	report(mark->name);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t start = qemu_plugin_tb_vaddr(tb);

	(void)id;
	/* Before the block is added: what is reported is the count up to its first instruction. */
	for (struct mark *m = plugin.marks; m < plugin.marks + plugin.mark_count; m++)
		if (m->address == start && !m->reached)
			qemu_plugin_register_vcpu_tb_exec_cb(tb, on_reached, QEMU_PLUGIN_CB_NO_REGS,
							     m);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, plugin.executed,
						 qemu_plugin_tb_n_insns(tb));
}

static void on_end(qemu_plugin_id_t id, void *context)
{
	(void)id;
	(void)context;
	report("total");
}

static bool keep_count_in(const char *path)
{
	FILE *file = fopen(path, "w+");

	if (!file || ftruncate(fileno(file), sizeof *plugin.executed))
		return false;
	plugin.executed = mmap(NULL, sizeof *plugin.executed, PROT_READ | PROT_WRITE, MAP_SHARED,
			       fileno(file), 0);
	fclose(file);
	return plugin.executed != MAP_FAILED;
}

/* "name=value"; the argument is copied, since QEMU frees it. */
static bool take_argument(const char *argument)
{
	char *name = strdup(argument);
	char *value = name ? strchr(name, '=') : NULL;
	char *end;

	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(name, "counter"))
		return keep_count_in(value);
	if (!strcmp(name, "out")) {
		plugin.out = fopen(value, "w");
		return plugin.out != NULL;
	}
	if (plugin.mark_count == sizeof(plugin.marks) / sizeof(plugin.marks[0]))
		return false;
	struct mark *mark = &plugin.marks[plugin.mark_count++];
	mark->name = name;
	mark->address = strtoull(value, &end, 16);
	return end != value && !*end;
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	plugin.out = stderr;
	for (int i = 0; i < argc; i++) {
		if (!take_argument(argv[i])) {
			fprintf(stderr, "icount: cannot use '%s'\n", argv[i]);
			return -1;
		}
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_end, NULL);
	return 0;
}
