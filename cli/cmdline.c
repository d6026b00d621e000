/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's command line, in Linux's form. The rule for what goes on it is strict, since virtual
 * machine monitors and boot loaders add words of their own, cut it, and quote it in ways of their own:
 * whatever is unusual goes into a file.
 */
#include "cmdline.h"

#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	LINE_BYTES_MAX = 1500
}; /* Firecracker's limit is 2,048, some of which are the seed's and its own */

/* Printable, neither a quote nor what some parsers take for an escape, nor what Firecracker takes for the end of the kernel's
 * words even within quotes. */
static bool is_plain(const char *word)
{
	if (!*word || strstr(word, " -- "))
		return false;
	for (; *word; word++) {
		if (*word < ' ' || *word > '~' || *word == '"' || *word == '\\')
			return false;
	}
	return true;
}

/* Plain enough to pass a boot loader's own quoting. */
static bool is_bare(const char *word)
{
	return *word && word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789/._+,:=@%-")] == '\0';
}

/* Whether no VMM's or kernel's word reads like this argument, wherever it stands. */
static bool argument_is_plain(const char *word)
{
	static const char *const taken[] = { "--", "rw", "ro", "quiet", "debug" };

	for (size_t i = 0; i < countof(taken); i++) {
		if (!strcmp(word, taken[i]))
			return false;
	}
	return is_plain(word) && (word[0] == '-' || !strchr(word, '='));
}

static bool arguments_are_plain(char *const *args)
{
	for (; *args; args++) {
		if (!argument_is_plain(*args))
			return false;
	}
	return true;
}

/* Kernel parameters have lower-case names, but for one that boot loaders add. */
static bool variable_is_plain(const char *variable)
{
	size_t key = strspn(variable, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return key && variable[key] == '=' && variable[key + 1] && is_plain(variable) &&
	       !(variable[0] >= '0' && variable[0] <= '9') && strncmp(variable, "BOOT_IMAGE=", 11);
}

static bool environment_is_plain(const struct strings *env)
{
	for (size_t i = 0; i < env->count; i++) {
		if (!variable_is_plain(env->items[i]))
			return false;
	}
	return env->count > 0;
}

static void add_word(struct text *line, const char *key, const char *value)
{
	bool quote = strchr(value, ' ');

	text_printf(line, "%s%s%s%s%s", line->bytes ? " " : "", quote ? "\"" : "", key, value,
		    quote ? "\"" : "");
}

static void add_strings(struct text *file, char *const *items)
{
	for (; items && *items; items++)
		text_append(file, *items, strlen(*items) + 1);
}

static void add_streams(struct text *line, const struct streams *streams)
{
	unsigned rows, columns;

	if (!streams->known)
		return;
	add_word(line, "stdin=", streams->terminal ? "tty" : "pipe");
	add_word(line, "stdout=", streams->output_terminal ? "tty" : "pipe");
	if (streams->output_terminal && terminal_size(&rows, &columns))
		text_printf(line, " winsize=%ux%u", rows, columns);
}

static void add_options(struct text *line, const struct options *o)
{
	if (o->strace)
		add_word(line, "strace=", "1");
	if (o->verbose)
		add_word(line, "loglevel=", "7");
	if (o->root_on_disk)
		add_word(line, "root=", "/dev/vda");
	network_add_words(&o->network, line);
	for (size_t i = 0; i < o->kernel_args.count; i++)
		text_printf(line, " %s", o->kernel_args.items[i]);
}

/* The line as a whole; what is not in a file by now goes onto it. */
static void make_line(struct cmdline *c, const struct options *o, const struct program *p,
		      const struct streams *streams, const struct strings *env)
{
	const char *init = c->init_link ? FILE_INIT : p->guest_path;

	text_free(&c->line);
	add_word(&c->line, "init=", init);
	if (c->args_file.bytes)
		add_word(&c->line, "args=", FILE_ARGS);
	else if (strcmp(o->args[0], init))
		add_word(&c->line, "argv0=", o->args[0]);
	add_streams(&c->line, streams);
	add_options(&c->line, o);
	if (c->env_file.bytes)
		add_word(&c->line, "env=", FILE_ENV);
	for (size_t i = 0; !c->env_file.bytes && i < env->count; i++)
		add_word(&c->line, "", env->items[i]);
	if (c->args_file.bytes || !o->args[1])
		return;
	add_word(&c->line, "", "--");
	for (char *const *arg = o->args + 1; *arg; arg++)
		add_word(&c->line, "", *arg);
}

/* Takes the variable of the same name out. */
static void remove_variable(struct strings *env, const char *variable)
{
	size_t key = strcspn(variable, "=");
	size_t kept = 0;

	for (size_t i = 0; i < env->count; i++) {
		if (!strncmp(env->items[i], variable, key) && env->items[i][key] == '=')
			free(env->items[i]);
		else
			env->items[kept++] = env->items[i];
	}
	env->count = kept;
	if (env->items)
		env->items[kept] = NULL;
}

void environment_make(struct strings *env, const struct strings *given, bool with_terminal)
{
	const char *term = with_terminal ? getenv("TERM") : NULL;

	strings_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strings_add(env, "HOME=/");
	if (term)
		strings_printf(env, "TERM=%s", term);
	for (size_t i = 0; i < given->count; i++) {
		const char *variable = given->items[i];
		const char *value = strchr(variable, '=') ? NULL : getenv(variable);

		if (!strchr(variable, '=') && !value)
			continue;
		remove_variable(env, variable);
		if (value)
			strings_printf(env, "%s=%s", variable, value);
		else
			strings_add(env, variable);
	}
}

/* A boot loader comes between: only what is bare goes through it. */
static bool arguments_need_file(const struct options *o, const struct program *p, bool init_link)
{
	if (o->command == COMMAND_BUILD)
		return o->args[1] || init_link || strcmp(o->args[0], p->guest_path);
	return !arguments_are_plain(o->args + 1) || !is_plain(o->args[0]);
}

static bool environment_needs_file(const struct options *o, const struct strings *env)
{
	return !environment_is_plain(env) || (o->command == COMMAND_BUILD && o->env.count);
}

void cmdline_make(struct cmdline *c, const struct options *o, const struct program *p,
		  const struct streams *streams)
{
	struct strings env = { 0 };

	*c = (struct cmdline){ 0 };
	if (!options_have_program(o)) {
		add_word(&c->line, o->devices ? "devices" : "init=selftest", "");
		add_streams(&c->line, streams);
		add_options(&c->line, o);
		return;
	}
	environment_make(&env, &o->env, streams->terminal || streams->output_terminal);
	c->init_link = !(o->command == COMMAND_BUILD ? is_bare : is_plain)(p->guest_path);
	if (arguments_need_file(o, p, c->init_link))
		add_strings(&c->args_file, o->args);
	if (environment_needs_file(o, &env))
		add_strings(&c->env_file, env.items);
	make_line(c, o, p, streams, &env);
	if (c->line.bytes > LINE_BYTES_MAX && !c->args_file.bytes) {
		add_strings(&c->args_file, o->args);
		make_line(c, o, p, streams, &env);
	}
	if (c->line.bytes > LINE_BYTES_MAX && !c->env_file.bytes) {
		add_strings(&c->env_file, env.items);
		make_line(c, o, p, streams, &env);
	}
	strings_free(&env);
}

void cmdline_add_start(struct cmdline *c, const unsigned char *seed, size_t bytes)
{
	struct text line = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);

	text_printf(&line, "seed=");
	for (size_t i = 0; i < bytes; i++)
		text_printf(&line, "%02x", seed[i]);
	text_printf(&line, " wall=%lld%09ld %s", (long long)now.tv_sec, now.tv_nsec,
		    text_get(&c->line));
	text_free(&c->line);
	c->line = line;
}

void cmdline_free(struct cmdline *c)
{
	text_free(&c->line);
	text_free(&c->args_file);
	text_free(&c->env_file);
}
