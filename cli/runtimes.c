/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table, and what carries it out. To teach the command one more program, add a rule: by what it is recognised, and what
 * it opens then.
 */
#include "runtimes.h"

#include "accounts.h"
#include "report.h"
#include "signals.h"
#include "text.h"

#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_MAX = 8, ITEMS_MAX = 14 };
#define MODEST_BYTES ((uint64_t)256 << 20)

/* What is brought along: the files and directories that fit a pattern of glob(7). In it
 *   %  is what * was in the name by which the program or library was recognised,
 *   @  the directory above the program's: the prefix that it was installed with; empty for one right below "/",
 *   &  the same for the name by which the program is called, which may be a link (a virtual environment of Python). */
struct item {
	const char *pattern;
	enum {
		ALL = 0,
		MODULES = 1,   /* shared objects in it are loaded: with their libraries */
		LINKED = 2,    /* links in it lead elsewhere: with what they lead to */
		EMPTY = 4,     /* a directory to write to: without what is in it */
		LIBRARY = 8,   /* a library, by its name */
		ACCOUNTS = 16, /* the accounts of the system */
		MODEST =
			32, /* only what is smaller than MODEST_BYTES: what else the user has installed */
	} flags;
	const char *
		leave_out; /* entries of this name, as fnmatch(3) has it: large, and of no use here */
};

#define TAKE(path, how)                       \
	{                                     \
		.pattern = path, .flags = how \
	}
#define TAKE_BUT(path, how, but)                                \
	{                                                       \
		.pattern = path, .flags = how, .leave_out = but \
	}

/* Recognised by any one of the names that it has. */
struct rule {
	const char *what;
	const char *programs[NAMES_MAX];
	const char *libraries[NAMES_MAX];
	const char *symbols[NAMES_MAX]; /* that something besides the C library imports */
	const char *note;               /* owner of an ELF note */
	const char *unless_symbol;      /* not where something has this one */
	const char *only;               /* only where there is such a file */
	struct item items[ITEMS_MAX];
};

#define PYTHON_LEFT_OUT "@(config-3.*|site-packages|dist-packages)"

static const struct rule rules[] = {
	/* Languages */
	{ .what = "Python",
	  .programs = { "python3.*", "pypy3.*" },
	  .libraries = { "libpython3.*.so.1.0" },
	  .items = { TAKE_BUT("@/lib/python3.%", MODULES, PYTHON_LEFT_OUT),
		     TAKE_BUT("/usr/lib/python3.%", MODULES, PYTHON_LEFT_OUT),
		     TAKE_BUT("/usr/lib64/python3.%", MODULES, PYTHON_LEFT_OUT),
		     TAKE_BUT("/usr/local/lib/python3.%", MODULES, PYTHON_LEFT_OUT),
		     TAKE("@/lib/python3.%/site-packages", MODULES | MODEST),
		     TAKE("/usr/lib64/python3.%/site-packages", MODULES | MODEST),
		     TAKE("/usr/lib/python3.%/dist-packages", MODULES | MODEST),
		     TAKE("/usr/lib/python3/dist-packages", MODULES | MODEST),
		     TAKE("/usr/local/lib/python3.%/dist-packages", MODULES | MODEST),
		     TAKE("/etc/python3.%", ALL), TAKE("&/pyvenv.cfg", ALL),
		     TAKE_BUT("/usr/share/zoneinfo", ALL, "right") } },
	{ .what = "a virtual environment of Python",
	  .programs = { "python3.*" },
	  .only = "&/pyvenv.cfg",
	  .items = { TAKE("&/lib", MODULES), TAKE("&/lib64", ALL) } },
	{ .what = "Perl",
	  .programs = { "perl", "perl5*" },
	  .libraries = { "libperl.so*" },
	  .items = { TAKE("/etc/perl", ALL), TAKE("/usr/lib/*/perl-base", MODULES),
		     TAKE_BUT("/usr/lib/*/perl", MODULES, "CORE"),
		     TAKE("/usr/lib/*/perl5", MODULES),
		     TAKE_BUT("/usr/share/perl", LINKED, "*.pod"), TAKE("/usr/share/perl5", LINKED),
		     TAKE("/usr/lib/perl5", MODULES), TAKE("/usr/lib64/perl5", MODULES),
		     TAKE("/usr/local/lib/*/perl", MODULES), TAKE("/usr/local/share/perl", ALL),
		     TAKE("/usr/local/lib/perl5", MODULES),
		     TAKE("/usr/local/lib/site_perl", ALL) } },
	{ .what = "Node.js",
	  .programs = { "node", "nodejs" },
	  .items = { TAKE("/usr/share/nodejs", MODEST), TAKE("/usr/lib/nodejs", MODULES) } },
	{ .what = "Lua",
	  .programs = { "lua*", "luajit*" },
	  .items = { TAKE("/usr/share/lua", LINKED), TAKE("/usr/lib/*/lua", MODULES),
		     TAKE("/usr/lib/lua", MODULES), TAKE("/usr/local/share/lua", ALL),
		     TAKE("/usr/local/lib/lua", MODULES), TAKE("/usr/share/luajit*", ALL) } },
	{ .what = "Java",
	  .programs = { "java", "javac", "jshell", "jar" },
	  .only = "@/lib/jvm.cfg",
	  .items = { TAKE_BUT("@/lib", MODULES | LINKED, "src.zip"), TAKE("@/conf", LINKED),
		     TAKE("@/release", ALL), TAKE("libfreetype.so.6", LIBRARY),
		     TAKE("/etc/ssl/certs/java/cacerts", ALL) } },
	{ .what = "Ruby",
	  .programs = { "ruby*" },
	  .libraries = { "libruby*.so*" },
	  .items = { TAKE("@/lib/ruby", MODULES), TAKE("/usr/lib/ruby", MODULES),
		     TAKE("/usr/lib/*/ruby", MODULES),
		     TAKE("/var/lib/gems", MODULES | LINKED | MODEST),
		     TAKE("/usr/share/rubygems-integration", LINKED) } },
	{ .what = "PHP",
	  .programs = { "php*", "php-fpm*" },
	  .items = { TAKE("/usr/lib/php", MODULES), TAKE("/etc/php", LINKED),
		     TAKE("/usr/share/php", ALL), TAKE("/usr/lib64/php", MODULES),
		     TAKE("/etc/php.ini", ALL), TAKE("/etc/php.d", ALL),
		     TAKE("/run/php", EMPTY) } },
	{ .what = "Tcl",
	  .libraries = { "libtcl*.so*" },
	  .items = { TAKE("/usr/share/tcltk", ALL), TAKE("/usr/lib/tcltk", MODULES) } },
	{ .what = "Erlang",
	  .programs = { "beam.smp", "erlexec", "erl_child_setup" },
	  .items = { TAKE("/usr/lib/erlang", MODULES | LINKED) } },

	/* Servers */
	{ .what = "nginx",
	  .programs = { "nginx" },
	  .items = { TAKE("/etc/nginx", LINKED), TAKE("/usr/lib/nginx", MODULES),
		     TAKE("/usr/lib64/nginx", MODULES), TAKE("/usr/share/nginx", LINKED),
		     TAKE("/var/www", ALL), TAKE("/var/log/nginx", EMPTY),
		     TAKE("/var/lib/nginx", EMPTY), TAKE("/var/cache/nginx", EMPTY),
		     TAKE("", ACCOUNTS) } },
	{ .what = "Redis",
	  .programs = { "redis-*", "valkey-*", "keydb-*" },
	  .items = { TAKE("/etc/redis", ALL), TAKE("/var/lib/redis", EMPTY),
		     TAKE("/var/log/redis", EMPTY), TAKE("/run/redis", EMPTY) } },
	{ .what = "HAProxy",
	  .programs = { "haproxy" },
	  .items = { TAKE("/etc/haproxy", LINKED), TAKE("/var/lib/haproxy", EMPTY),
		     TAKE("/run/haproxy", EMPTY) } },
	{ .what = "lighttpd",
	  .programs = { "lighttpd" },
	  .items = { TAKE("/usr/lib/lighttpd", MODULES), TAKE("/etc/lighttpd", LINKED),
		     TAKE("/usr/share/lighttpd", ALL), TAKE("/var/www", ALL),
		     TAKE("/var/log/lighttpd", EMPTY), TAKE("/var/cache/lighttpd", EMPTY) } },

	/* Libraries, and what uses them */
	{ .what = "TLS",
	  .libraries = { "libssl.so*", "libcrypto.so*", "libgnutls.so*" },
	  .items = { TAKE("/etc/ssl/openssl.cnf", ALL), TAKE("/usr/lib/ssl", LINKED),
		     TAKE("/etc/ssl/certs", LINKED), TAKE("/usr/lib/*/ossl-modules", MODULES),
		     TAKE("/usr/lib/*/engines-*", MODULES),
		     TAKE("/usr/lib64/ossl-modules", MODULES), TAKE("/etc/pki/tls", LINKED),
		     TAKE("/etc/gnutls", ALL) } },
	{ .what = "Go",
	  .note = "Go",
	  .items = { TAKE("/etc/ssl/certs/ca-certificates.crt", ALL),
		     TAKE("/etc/pki/tls/certs/ca-bundle.crt", ALL), TAKE("/etc/mime.types", ALL),
		     TAKE("/etc/localtime", ALL), TAKE("/etc/services", ALL),
		     TAKE("/etc/protocols", ALL) } },
	{ .what = "terminals",
	  .libraries = { "libtinfo.so*", "libncurses*.so*" },
	  .items = { TAKE("/lib/terminfo", ALL), TAKE("/etc/terminfo", ALL),
		     TAKE("/usr/share/terminfo/?/linux", ALL),
		     TAKE("/usr/share/terminfo/?/xterm*", ALL),
		     TAKE("/usr/share/terminfo/?/screen*", ALL),
		     TAKE("/usr/share/terminfo/?/tmux*", ALL),
		     TAKE("/usr/share/terminfo/?/vt*", ALL), TAKE("/etc/inputrc", ALL) } },
	{ .what = "libmagic",
	  .libraries = { "libmagic.so*" },
	  .items = { TAKE("/etc/magic", ALL), TAKE("/usr/share/misc/magic*", LINKED),
		     TAKE("/usr/lib/file", ALL) } },
	{ .what = "SASL",
	  .libraries = { "libsasl2.so*" },
	  .items = { TAKE("/usr/lib/*/sasl2", MODULES), TAKE("/usr/lib64/sasl2", MODULES) } },
	{ .what = "ICU",
	  .libraries = { "libicuuc.so*" },
	  .items = { TAKE("/usr/share/icu", ALL), TAKE("/etc/localtime", ALL) } },
	{ .what = "fonts",
	  .libraries = { "libfontconfig.so*" },
	  .items = { TAKE("/etc/fonts", LINKED), TAKE("/usr/share/fontconfig", ALL) } },

	/* What the C library reads, or loads */
	{ .what = "its loader's configuration",
	  .libraries = { "ld-musl-*" },
	  .items = { TAKE("/etc/ld-musl-x86_64.path", ALL) } },
	{ .what = "places to write to",
	  .libraries = { "libc.so.6", "ld-musl-*" },
	  .items = { TAKE("/run", EMPTY), TAKE("/var/run", EMPTY), TAKE("/var/tmp", EMPTY) } },
	{ .what = "locales",
	  .symbols = { "setlocale", "newlocale" },
	  .items = { TAKE("/usr/lib/locale/C.utf8", ALL),
		     TAKE("/usr/share/i18n/locales/C", ALL) } },
	{ .what = "local time",
	  .symbols = { "localtime", "localtime_r", "tzset", "mktime", "strftime" },
	  .items = { TAKE("/etc/localtime", ALL), TAKE("/etc/timezone", ALL) } },
	{ .what = "names of hosts and services",
	  .symbols = { "getaddrinfo", "gethostbyname", "gethostbyname_r", "getservbyname",
		       "getprotobyname", "getnameinfo" },
	  .items = { TAKE("/etc/services", ALL), TAKE("/etc/protocols", ALL),
		     TAKE("/etc/gai.conf", ALL) } },
	{ .what = "name services of glibc before 2.34",
	  .symbols = { "getaddrinfo", "gethostbyname", "gethostbyname_r", "getpwnam", "getpwuid" },
	  .unless_symbol = "GLIBC_2.34",
	  .items = { TAKE("libnss_files.so.2", LIBRARY), TAKE("libnss_dns.so.2", LIBRARY),
		     TAKE("libresolv.so.2", LIBRARY) } },
	{ .what = "accounts",
	  .symbols = { "getpwnam", "getpwnam_r", "getgrnam", "getgrnam_r", "initgroups" },
	  .items = { TAKE("", ACCOUNTS) } },
	{ .what = "character sets",
	  .symbols = { "iconv_open", "iconv" },
	  .items = { TAKE("/usr/lib/*/gconv/gconv-modules*", ALL),
		     TAKE("/usr/lib/*/gconv/UTF-*.so", MODULES),
		     TAKE("/usr/lib/*/gconv/UNICODE.so", MODULES),
		     TAKE("/usr/lib/*/gconv/ISO8859-*.so", MODULES),
		     TAKE("/usr/lib/*/gconv/CP125*.so", MODULES),
		     TAKE("/usr/lib64/gconv", MODULES) } },
	{ .what = "ends of threads",
	  .symbols = { "pthread_exit", "pthread_cancel", "backtrace" },
	  .items = { TAKE("libgcc_s.so.1", LIBRARY) } },
};

/* A rule that fits. */
struct fit {
	struct libraries *l;
	const struct program *program;
	const struct rule *rule;
	const char *who;     /* the path that was recognised */
	char *star;          /* what % is */
	char *prefix;        /* what @ is */
	char *called_prefix; /* what & is */
};

/* --- what is brought along ----------------------------------------------------------------------- */

static bool is_shared_object(const char *name)
{
	const char *so = strstr(name, ".so");

	return so && (so[3] == '\0' || so[3] == '.');
}

static int visit(struct fit *f, const struct item *item, struct node *node, struct text *path);

static int visit_entries(struct fit *f, const struct item *item, struct node *dir,
			 struct text *path)
{
	size_t bytes = path->bytes;
	int err = 0;

	/* Entries may come while this runs, by links that lead here. */
	for (size_t i = 0; !err && i < dir->count; i++) {
		text_printf(path, "/%s", dir->entries[i].name);
		err = signals_ending() ? -EINTR : visit(f, item, dir->entries[i].node, path);
		text_cut(path, bytes);
	}
	return err;
}

/* A link that leads nowhere stays so, and one to a directory as high as /usr too: that would be the whole host. */
static int bring_linked(struct root *r, const char *path)
{
	struct found found;

	if (root_find(r, path, &found))
		return 0;
	bool high = S_ISDIR(found.mode) && !strchr(found.path + 1, '/');
	free(found.path);
	int err = high ? 0 : root_import(r, path, NULL);
	return err == -EINTR ? err : 0;
}

/* What a file or link brings along in its turn. */
static int visit(struct fit *f, const struct item *item, struct node *node, struct text *path)
{
	const char *name = strrchr(text_get(path), '/');

	if (S_ISDIR(node->mode))
		return visit_entries(f, item, node, path);
	if (S_ISLNK(node->mode) && item->flags & LINKED)
		return bring_linked(f->l->root, text_get(path));
	if (S_ISREG(node->mode) && item->flags & MODULES && is_shared_object(name)) {
		return libraries_add_module(f->l, text_get(path));
	}
	return 0;
}

/* Whether the files in it are few bytes enough; says so if not. */
static bool is_modest(const char *path)
{
	char *top = format_string("%s", path);
	char *paths[] = { top, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint64_t bytes = 0;

	for (FTSENT *entry = tree ? fts_read(tree) : NULL; entry && bytes < MODEST_BYTES;
	     entry = fts_read(tree))
		bytes += entry->fts_info == FTS_F ? (uint64_t)entry->fts_statp->st_size : 0;
	if (tree)
		fts_close(tree);
	free(top);
	if (bytes >= MODEST_BYTES)
		report("%s is left out, since it is large; --add puts it, or parts of it, into the "
		       "machine",
		       path);
	return bytes < MODEST_BYTES;
}

static int bring(struct fit *f, const struct item *item, const char *path)
{
	struct root *r = f->l->root;
	struct found found;
	struct node *node;

	if (access(path, R_OK) || (item->flags & MODEST && !is_modest(path)))
		return 0;
	if (f->l->verbose)
		report("packs %s for %s: %s", path, f->who, f->rule->what);
	int err = item->flags & EMPTY ? root_import_alone(r, path, &node)
				      : root_import(r, path, item->leave_out);
	if (err == -EINTR)
		return err;
	if (err || item->flags & EMPTY || root_find(r, path, &found))
		return 0;
	struct text at = { 0 };
	text_printf(&at, "%s", found.path);
	err = visit(f, item, found.node, &at);
	text_free(&at);
	free(found.path);
	return err;
}

/* The pattern with what %, @ and & stand for; NULL where one of them stands for nothing. */
static char *expand(const struct fit *f, const char *pattern)
{
	struct text expanded = { 0 };

	for (; *pattern; pattern++) {
		const char *by = *pattern == '%'   ? f->star
				 : *pattern == '@' ? f->prefix
				 : *pattern == '&' ? f->called_prefix
						   : NULL;

		if (by)
			text_printf(&expanded, "%s", by);
		else if (strchr("%@&", *pattern))
			break;
		else
			text_append(&expanded, pattern, 1);
	}
	if (!*pattern && expanded.bytes)
		return expanded.data;
	text_free(&expanded);
	return NULL;
}

/* Prefixes are often those that other patterns name. */
static bool is_repeated(const struct fit *f, const struct item *item, const char *pattern)
{
	bool repeated = false;

	for (const struct item *before = f->rule->items; !repeated && before < item; before++) {
		char *other = expand(f, before->pattern);

		repeated = other && !strcmp(other, pattern);
		free(other);
	}
	return repeated;
}

static int bring_item(struct fit *f, const struct item *item)
{
	char *pattern = expand(f, item->pattern);
	int err = 0;
	glob_t paths;

	if (pattern && is_repeated(f, item, pattern)) {
		free(pattern);
		return 0;
	}
	if (pattern && item->flags & LIBRARY) {
		(void)libraries_add_named(f->l, pattern);
	} else if (pattern && !glob(pattern, GLOB_NOSORT, NULL, &paths)) {
		for (size_t i = 0; !err && i < paths.gl_pathc; i++)
			err = bring(f, item, paths.gl_pathv[i]);
		globfree(&paths);
	}
	free(pattern);
	return err;
}

static bool is_barred(const struct fit *f)
{
	struct found found;
	char *only = f->rule->only ? expand(f, f->rule->only) : NULL;
	bool barred = f->rule->only && (!only || root_find(f->l->root, only, &found));

	if (f->rule->only && !barred)
		free(found.path);
	free(only);
	for (struct library *known = NULL; f->rule->unless_symbol && !barred;) {
		known = libraries_next(f->l, known);
		if (!known)
			break;
		barred = library_mentions(known, f->rule->unless_symbol);
	}
	return barred;
}

static int carry_out(struct fit *f)
{
	int err = 0;

	if (is_barred(f))
		return 0;
	for (size_t i = 0; !err && i < ITEMS_MAX && f->rule->items[i].pattern; i++) {
		const struct item *item = &f->rule->items[i];

		err = item->flags & ACCOUNTS ? accounts_add(f->l->root) : bring_item(f, item);
	}
	return err;
}

/* --- what is recognised -------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What is above the file's directory; NULL: the file is in "/". */
static char *prefix_of(const char *path)
{
	size_t bytes = (size_t)(base_name(path) - path);

	if (bytes < 2)
		return NULL;
	for (bytes--; path[bytes - 1] != '/'; bytes--)
		;
	return format_string("%.*s", (int)bytes - 1, path);
}

/* Whether the name fits one of the patterns; *star is then what the first * is, up to where the pattern goes on. */
static bool fits(const char *const patterns[NAMES_MAX], const char *name, char **star)
{
	for (size_t i = 0; i < NAMES_MAX && patterns[i]; i++) {
		if (fnmatch(patterns[i], name, 0))
			continue;
		size_t before = strcspn(patterns[i], "*");
		const char *behind = patterns[i][before] ? patterns[i] + before + 1 : "";

		*star = NULL;
		if (patterns[i][before])
			*star = format_string("%.*s", (int)(strlen(name) - before - strlen(behind)),
					      name + before);
		return true;
	}
	return false;
}

static bool imports_one(const struct library *library, const char *const symbols[NAMES_MAX])
{
	for (size_t i = 0; i < NAMES_MAX && symbols[i]; i++) {
		if (library_mentions(library, symbols[i]))
			return true;
	}
	return false;
}

/* The C library has all the symbols, and is no sign that they are used. */
static bool is_c_library(const char *name)
{
	static const char *const names[] = { "libc.so", "libc.musl-", "ld-linux", "ld-musl-",
					     "libpthread.so" };

	name = base_name(name);
	for (size_t i = 0; i < countof(names); i++) {
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

static bool recognise(const struct rule *rule, const struct library *library, char **star)
{
	const char *name = library_name(library);

	*star = NULL;
	if (rule->libraries[0] && fits(rule->libraries, name, star))
		return true;
	if (rule->note && library_has_note(library, rule->note))
		return true;
	return rule->symbols[0] && !is_c_library(name) && imports_one(library, rule->symbols);
}

static int try_library(struct fit *f, const struct library *library, bool *done)
{
	if (!recognise(f->rule, library, &f->star))
		return 0;
	f->who = library_path(library);
	*done = true;
	int err = carry_out(f);
	free(f->star);
	return err;
}

/* The program by its own name or by the one that it was called by. */
static int try_program(struct fit *f, const char *path, bool *done)
{
	if (!fits(f->rule->programs, base_name(path), &f->star))
		return 0;
	f->who = path;
	f->prefix = prefix_of(path);
	*done = true;
	int err = carry_out(f);
	free(f->prefix);
	free(f->star);
	f->prefix = NULL;
	return err;
}

static int try_programs(struct libraries *l, const struct program *p, bool done[])
{
	struct fit f = { .l = l, .called_prefix = prefix_of(p->guest_path) };
	int err = 0;

	for (size_t i = 0; !err && i < countof(rules); i++) {
		f.rule = &rules[i];
		for (size_t b = 0; !err && !done[i] && b < p->binaries.count; b++)
			err = try_program(&f, p->binaries.items[b], &done[i]);
		if (!err && !done[i])
			err = try_program(&f, p->guest_path, &done[i]);
	}
	free(f.called_prefix);
	return err;
}

int runtimes_add(struct libraries *l, const struct program *p)
{
	bool done[countof(rules)] = { false };
	int err = try_programs(l, p, done);
	struct fit f = { .l = l };

	for (struct library *met = libraries_next(l, NULL); !err && met;
	     met = libraries_next(l, met)) {
		for (size_t i = 0; !err && i < countof(rules); i++) {
			f.rule = &rules[i];
			if (!done[i])
				err = try_library(&f, met, &done[i]);
		}
	}
	return err;
}
