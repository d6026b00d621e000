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
	  .items = { { "@/lib/python3.%", MODULES, PYTHON_LEFT_OUT },
		     { "/usr/lib/python3.%", MODULES, PYTHON_LEFT_OUT },
		     { "/usr/lib64/python3.%", MODULES, PYTHON_LEFT_OUT },
		     { "/usr/local/lib/python3.%", MODULES, PYTHON_LEFT_OUT },
		     { "@/lib/python3.%/site-packages", MODULES | MODEST },
		     { "/usr/lib64/python3.%/site-packages", MODULES | MODEST },
		     { "/usr/lib/python3.%/dist-packages", MODULES | MODEST },
		     { "/usr/lib/python3/dist-packages", MODULES | MODEST },
		     { "/usr/local/lib/python3.%/dist-packages", MODULES | MODEST },
		     { "/etc/python3.%", ALL },
		     { "&/pyvenv.cfg", ALL },
		     { "/usr/share/zoneinfo", ALL, "right" } } },
	{ .what = "a virtual environment of Python",
	  .programs = { "python3.*" },
	  .only = "&/pyvenv.cfg",
	  .items = { { "&/lib", MODULES }, { "&/lib64", ALL } } },
	{ .what = "Perl",
	  .programs = { "perl", "perl5*" },
	  .libraries = { "libperl.so*" },
	  .items = { { "/etc/perl", ALL },
		     { "/usr/lib/*/perl-base", MODULES },
		     { "/usr/lib/*/perl", MODULES, "CORE" },
		     { "/usr/lib/*/perl5", MODULES },
		     { "/usr/share/perl", LINKED, "*.pod" },
		     { "/usr/share/perl5", LINKED },
		     { "/usr/lib/perl5", MODULES },
		     { "/usr/lib64/perl5", MODULES },
		     { "/usr/local/lib/*/perl", MODULES },
		     { "/usr/local/share/perl", ALL },
		     { "/usr/local/lib/perl5", MODULES },
		     { "/usr/local/lib/site_perl", ALL } } },
	{ .what = "Node.js",
	  .programs = { "node", "nodejs" },
	  .items = { { "/usr/share/nodejs", MODEST }, { "/usr/lib/nodejs", MODULES } } },
	{ .what = "Lua",
	  .programs = { "lua*", "luajit*" },
	  .items = { { "/usr/share/lua", LINKED },
		     { "/usr/lib/*/lua", MODULES },
		     { "/usr/lib/lua", MODULES },
		     { "/usr/local/share/lua", ALL },
		     { "/usr/local/lib/lua", MODULES },
		     { "/usr/share/luajit*", ALL } } },
	{ .what = "Java",
	  .programs = { "java", "javac", "jshell", "jar" },
	  .only = "@/lib/jvm.cfg",
	  .items = { { "@/lib", MODULES | LINKED, "src.zip" },
		     { "@/conf", LINKED },
		     { "@/release", ALL },
		     { "libfreetype.so.6", LIBRARY },
		     { "/etc/ssl/certs/java/cacerts", ALL } } },
	{ .what = "Ruby",
	  .programs = { "ruby*" },
	  .libraries = { "libruby*.so*" },
	  .items = { { "@/lib/ruby", MODULES },
		     { "/usr/lib/ruby", MODULES },
		     { "/usr/lib/*/ruby", MODULES },
		     { "/var/lib/gems", MODULES | LINKED | MODEST },
		     { "/usr/share/rubygems-integration", LINKED } } },
	{ .what = "PHP",
	  .programs = { "php*", "php-fpm*" },
	  .items = { { "/usr/lib/php", MODULES },
		     { "/etc/php", LINKED },
		     { "/usr/share/php", ALL },
		     { "/usr/lib64/php", MODULES },
		     { "/etc/php.ini", ALL },
		     { "/etc/php.d", ALL },
		     { "/run/php", EMPTY } } },
	{ .what = "Tcl",
	  .libraries = { "libtcl*.so*" },
	  .items = { { "/usr/share/tcltk", ALL }, { "/usr/lib/tcltk", MODULES } } },
	{ .what = "Erlang",
	  .programs = { "beam.smp", "erlexec", "erl_child_setup" },
	  .items = { { "/usr/lib/erlang", MODULES | LINKED } } },

	/* Servers */
	{ .what = "nginx",
	  .programs = { "nginx" },
	  .items = { { "/etc/nginx", LINKED },
		     { "/usr/lib/nginx", MODULES },
		     { "/usr/lib64/nginx", MODULES },
		     { "/usr/share/nginx", LINKED },
		     { "/var/www", ALL },
		     { "/var/log/nginx", EMPTY },
		     { "/var/lib/nginx", EMPTY },
		     { "/var/cache/nginx", EMPTY },
		     { "", ACCOUNTS } } },
	{ .what = "Redis",
	  .programs = { "redis-*", "valkey-*", "keydb-*" },
	  .items = { { "/etc/redis", ALL },
		     { "/var/lib/redis", EMPTY },
		     { "/var/log/redis", EMPTY },
		     { "/run/redis", EMPTY } } },
	{ .what = "HAProxy",
	  .programs = { "haproxy" },
	  .items = { { "/etc/haproxy", LINKED },
		     { "/var/lib/haproxy", EMPTY },
		     { "/run/haproxy", EMPTY } } },
	{ .what = "lighttpd",
	  .programs = { "lighttpd" },
	  .items = { { "/usr/lib/lighttpd", MODULES },
		     { "/etc/lighttpd", LINKED },
		     { "/usr/share/lighttpd", ALL },
		     { "/var/www", ALL },
		     { "/var/log/lighttpd", EMPTY },
		     { "/var/cache/lighttpd", EMPTY } } },

	/* Libraries, and what uses them */
	{ .what = "TLS",
	  .libraries = { "libssl.so*", "libcrypto.so*", "libgnutls.so*" },
	  .items = { { "/etc/ssl/openssl.cnf", ALL },
		     { "/usr/lib/ssl", LINKED },
		     { "/etc/ssl/certs", LINKED },
		     { "/usr/lib/*/ossl-modules", MODULES },
		     { "/usr/lib/*/engines-*", MODULES },
		     { "/usr/lib64/ossl-modules", MODULES },
		     { "/etc/pki/tls", LINKED },
		     { "/etc/gnutls", ALL } } },
	{ .what = "Go",
	  .note = "Go",
	  .items = { { "/etc/ssl/certs/ca-certificates.crt", ALL },
		     { "/etc/pki/tls/certs/ca-bundle.crt", ALL },
		     { "/etc/mime.types", ALL },
		     { "/etc/localtime", ALL },
		     { "/etc/services", ALL },
		     { "/etc/protocols", ALL } } },
	{ .what = "terminals",
	  .libraries = { "libtinfo.so*", "libncurses*.so*" },
	  .items = { { "/lib/terminfo", ALL },
		     { "/etc/terminfo", ALL },
		     { "/usr/share/terminfo/?/linux", ALL },
		     { "/usr/share/terminfo/?/xterm*", ALL },
		     { "/usr/share/terminfo/?/screen*", ALL },
		     { "/usr/share/terminfo/?/tmux*", ALL },
		     { "/usr/share/terminfo/?/vt*", ALL },
		     { "/etc/inputrc", ALL } } },
	{ .what = "libmagic",
	  .libraries = { "libmagic.so*" },
	  .items = { { "/etc/magic", ALL },
		     { "/usr/share/misc/magic*", LINKED },
		     { "/usr/lib/file", ALL } } },
	{ .what = "SASL",
	  .libraries = { "libsasl2.so*" },
	  .items = { { "/usr/lib/*/sasl2", MODULES }, { "/usr/lib64/sasl2", MODULES } } },
	{ .what = "ICU",
	  .libraries = { "libicuuc.so*" },
	  .items = { { "/usr/share/icu", ALL }, { "/etc/localtime", ALL } } },
	{ .what = "fonts",
	  .libraries = { "libfontconfig.so*" },
	  .items = { { "/etc/fonts", LINKED }, { "/usr/share/fontconfig", ALL } } },

	/* What the C library reads, or loads */
	{ .what = "its configuration",
	  .libraries = { "libc.so.6", "libc.so", "libc.musl-*" },
	  .items = { { "/run", EMPTY },
		     { "/var/run", EMPTY },
		     { "/var/tmp", EMPTY },
		     { "/etc/ld-musl-x86_64.path", ALL } } },
	{ .what = "locales",
	  .symbols = { "setlocale", "newlocale" },
	  .items = { { "/usr/lib/locale/C.utf8", ALL }, { "/usr/share/i18n/locales/C", ALL } } },
	{ .what = "local time",
	  .symbols = { "localtime", "localtime_r", "tzset", "mktime", "strftime" },
	  .items = { { "/etc/localtime", ALL }, { "/etc/timezone", ALL } } },
	{ .what = "names of hosts and services",
	  .symbols = { "getaddrinfo", "gethostbyname", "gethostbyname_r", "getservbyname",
		       "getprotobyname", "getnameinfo" },
	  .items = { { "/etc/services", ALL },
		     { "/etc/protocols", ALL },
		     { "/etc/gai.conf", ALL } } },
	{ .what = "name services of glibc before 2.34",
	  .symbols = { "getaddrinfo", "gethostbyname", "gethostbyname_r", "getpwnam", "getpwuid" },
	  .unless_symbol = "GLIBC_2.34",
	  .items = { { "libnss_files.so.2", LIBRARY },
		     { "libnss_dns.so.2", LIBRARY },
		     { "libresolv.so.2", LIBRARY } } },
	{ .what = "accounts",
	  .symbols = { "getpwnam", "getpwnam_r", "getgrnam", "getgrnam_r", "initgroups" },
	  .items = { { "", ACCOUNTS } } },
	{ .what = "character sets",
	  .symbols = { "iconv_open", "iconv" },
	  .items = { { "/usr/lib/*/gconv/gconv-modules*", ALL },
		     { "/usr/lib/*/gconv/UTF-*.so", MODULES },
		     { "/usr/lib/*/gconv/UNICODE.so", MODULES },
		     { "/usr/lib/*/gconv/ISO8859-*.so", MODULES },
		     { "/usr/lib/*/gconv/CP125*.so", MODULES },
		     { "/usr/lib64/gconv", MODULES } } },
	{ .what = "ends of threads",
	  .symbols = { "pthread_exit", "pthread_cancel", "backtrace" },
	  .items = { { "libgcc_s.so.1", LIBRARY } } },
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

/* What a file or link brings along in its turn. */
static int visit(struct fit *f, const struct item *item, struct node *node, struct text *path)
{
	const char *name = strrchr(text_get(path), '/');

	if (S_ISDIR(node->mode))
		return visit_entries(f, item, node, path);
	if (S_ISLNK(node->mode) && item->flags & LINKED) {
		/* One that leads nowhere stays so. */
		int ignored = root_import(f->l->root, text_get(path), NULL);

		(void)ignored;
	} else if (S_ISREG(node->mode) && item->flags & MODULES && is_shared_object(name)) {
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
		report("%s is left out, since it is large; --add %s puts it, or a part of it, into "
		       "the "
		       "machine",
		       path, path);
	return bytes < MODEST_BYTES;
}

static int bring(struct fit *f, const struct item *item, const char *path)
{
	struct root *r = f->l->root;
	struct found found;
	struct node *node;

	if (item->flags & MODEST && !is_modest(path))
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
