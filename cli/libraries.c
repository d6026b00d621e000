/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Breadth first, as both loaders do it, since who asked first decides where a library is looked for: each one remembers
 * through whom it was met. One that was met by its name or DT_SONAME is not looked for again.
 */
#include "libraries.h"

#include "elf_dynamic.h"
#include "ld_cache.h"
#include "path.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CACHE_PATH "/etc/ld.so.cache"
#define MUSL_PATH_FILE "/etc/ld-musl-x86_64.path"

struct library {
	struct library *next;
	struct library *loader; /* who wanted it first; NULL: a program, a module */
	char *path;             /* as found */
	char *origin;           /* what $ORIGIN stands for in it */
	char *name;             /* by which it was asked for */
	bool system;            /* found by the loader's cache or in its own directories */
	struct mapping mapping;
	struct elf_dynamic dynamic;
};

/* Debian's, then everybody's. One that a loader does not know has nothing that the loader would not find before. */
static const char *const glibc_directories[] = {
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib64",
	"/usr/lib64",
	"/lib",
	"/usr/lib",
};
static const char *const musl_directories[] = { "/lib", "/usr/local/lib", "/usr/lib" };

/* glibc, sysdeps/x86_64/dl-hwcaps-subdirs.c */
static const char *const hwcaps[] = { "x86-64-v4", "x86-64-v3", "x86-64-v2" };

/* What $LIB and $PLATFORM may be: distributions and processors differ. */
static const char *const lib_names[] = { "lib/x86_64-linux-gnu", "lib64", "lib" };
static const char *const platform_names[] = { "x86_64", "haswell", "xeon_phi" };

/* A library that is looked for. */
struct search {
	struct libraries *l;
	struct library *from; /* who wants it */
	const char *name;
	struct strings found; /* where it is; the last one is for every processor */
	bool done;
	bool system; /* see struct library */
};

/* --- lists of directories ------------------------------------------------------------------------ */

static char *replace(const char *text, const char *word, const char *by)
{
	const char *at = strstr(text, word);

	return at ? format_string("%.*s%s%s", (int)(at - text), text, by, at + strlen(word)) : NULL;
}

/* Adds the directory with $ORIGIN and its like replaced, in all ways that there are. */
static void add_expanded(struct strings *directories, const char *directory, const char *origin)
{
	static const struct {
		const char *words[2];
		const char *const *values;
		size_t count;
	} tokens[] = {
		{ { "${LIB}", "$LIB" }, lib_names, countof(lib_names) },
		{ { "${PLATFORM}", "$PLATFORM" }, platform_names, countof(platform_names) },
	};
	/* A directory that is itself called $ORIGIN would be replaced for ever. */
	bool known = origin && !strstr(origin, "$ORIGIN") && !strstr(origin, "${ORIGIN}");
	char *expanded = known ? replace(directory, "${ORIGIN}", origin) : NULL;

	if (!expanded && known)
		expanded = replace(directory, "$ORIGIN", origin);
	if (expanded) {
		add_expanded(directories, expanded, origin);
		free(expanded);
		return;
	}
	for (size_t t = 0; t < countof(tokens); t++) {
		const char *word = strstr(directory, tokens[t].words[0]) ? tokens[t].words[0]
									 : tokens[t].words[1];

		for (size_t i = 0; strstr(directory, word) && i < tokens[t].count; i++) {
			expanded = replace(directory, word, tokens[t].values[i]);
			add_expanded(directories, expanded, origin);
			free(expanded);
		}
		if (strstr(directory, word))
			return;
	}
	strings_add(directories, directory);
}

/* Splits a list as it stands in RPATH or LD_LIBRARY_PATH; an empty word is the working directory, "/" in the machine. */
static void add_directories(struct strings *directories, const char *list, const char *origin,
			    const char *separators)
{
	while (list) {
		size_t bytes = strcspn(list, separators);
		char *word = format_string("%s%.*s", *list == '/' || *list == '$' ? "" : "/",
					   (int)bytes, list);

		add_expanded(directories, word, origin);
		free(word);
		list = list[bytes] ? list + bytes + 1 : NULL;
	}
}

/* --- looking for a name -------------------------------------------------------------------------- */

/* Whether the path is a library that can be loaded; then it is noted. */
static bool try_path(struct search *s, const char *path)
{
	struct elf_dynamic dynamic;
	struct mapping mapping;

	if (root_map(s->l->root, path, &mapping))
		return false;
	bool good = elf_dynamic_read(mapping.data, mapping.bytes, &dynamic);
	tree_unmap(&mapping);
	if (good)
		strings_add(&s->found, path);
	return good;
}

static bool exists(struct root *r, const char *path)
{
	struct found found;

	if (root_find(r, path, &found))
		return false;
	free(found.path);
	return true;
}

static void try_hwcaps(struct search *s, const char *directory)
{
	char *path = format_string("%s/glibc-hwcaps", directory);
	bool any = exists(s->l->root, path);

	free(path);
	for (size_t i = 0; any && i < countof(hwcaps); i++) {
		path = format_string("%s/glibc-hwcaps/%s/%s", directory, hwcaps[i], s->name);
		(void)try_path(s, path);
		free(path);
	}
}

static void try_directory(struct search *s, const char *directory)
{
	if (s->done)
		return;
	if (!s->l->musl)
		try_hwcaps(s, directory);
	char *path = format_string("%s/%s", strcmp(directory, "/") ? directory : "", s->name);
	s->done = try_path(s, path);
	free(path);
}

static void try_directories(struct search *s, const struct strings *directories)
{
	for (size_t i = 0; i < directories->count; i++)
		try_directory(s, directories->items[i]);
}

static void try_list(struct search *s, const char *list, const char *origin)
{
	struct strings directories = { 0 };

	if (s->done || !list)
		return;
	add_directories(&directories, list, origin, ":");
	try_directories(s, &directories);
	strings_free(&directories);
}

static bool is_default(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t bytes = slash ? (size_t)(slash - path) : 0;

	for (size_t i = 0; i < countof(glibc_directories); i++) {
		if (strlen(glibc_directories[i]) == bytes &&
		    !memcmp(glibc_directories[i], path, bytes))
			return true;
	}
	return false;
}

static void try_cache(struct search *s)
{
	struct strings paths = { 0 };
	struct mapping cache;

	if (s->done || root_map(s->l->root, CACHE_PATH, &cache))
		return;
	ld_cache_find(cache.data, cache.bytes, s->name, &paths);
	tree_unmap(&cache);
	for (size_t i = 0; i < paths.count; i++) {
		const char *path = paths.items[i];
		bool barred = s->from->dynamic.no_default && is_default(path);

		/* Those for certain processors come first; one that is for all ends the search. */
		if (!barred && try_path(s, path) && !strstr(path, "/glibc-hwcaps/"))
			s->done = true;
	}
	strings_free(&paths);
}

/* glibc, elf/dl-load.c, _dl_map_object() */
static void search_glibc(struct search *s)
{
	struct library *program = s->from;

	if (!s->from->dynamic.runpath) {
		for (struct library *by = s->from; by; by = by->loader) {
			program = by;
			if (!by->dynamic.runpath)
				try_list(s, by->dynamic.rpath, by->origin);
		}
		/* A module has the program's RPATH too. */
		if (program != s->l->first && !s->l->first->dynamic.runpath)
			try_list(s, s->l->first->dynamic.rpath, s->l->first->origin);
	}
	try_directories(s, &s->l->preferred);
	try_list(s, s->from->dynamic.runpath, s->from->origin);
	s->system = !s->done;
	try_cache(s);
	for (size_t i = 0; !s->from->dynamic.no_default && i < countof(glibc_directories); i++)
		try_directory(s, glibc_directories[i]);
}

/* The directories of musl's configuration, or those that it has without one. */
static void try_musl_directories(struct search *s)
{
	struct strings directories = { 0 };
	struct mapping list;

	if (root_map(s->l->root, MUSL_PATH_FILE, &list)) {
		for (size_t i = 0; i < countof(musl_directories); i++)
			try_directory(s, musl_directories[i]);
		return;
	}
	char *text = format_string("%.*s", (int)list.bytes, list.bytes ? (char *)list.data : "");
	tree_unmap(&list);
	add_directories(&directories, text, NULL, ":\n");
	free(text);
	try_directories(s, &directories);
	strings_free(&directories);
}

/* musl, ldso/dynlink.c, load_library() */
static void search_musl(struct search *s)
{
	try_directories(s, &s->l->preferred);
	for (struct library *by = s->from; by; by = by->loader)
		try_list(s, by->dynamic.runpath ? by->dynamic.runpath : by->dynamic.rpath,
			 by->origin);
	if (!s->done)
		try_musl_directories(s);
}

/* Names that musl's loader itself answers to. */
static bool is_musl_itself(const char *name)
{
	static const char *const own[] = { "c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet." };

	for (size_t i = 0; !strncmp(name, "lib", 3) && i < countof(own); i++) {
		if (!strncmp(name + 3, own[i], strlen(own[i])))
			return true;
	}
	return false;
}

/* A name with a slash is a path. */
static void search_path(struct search *s)
{
	struct strings paths = { 0 };

	add_directories(&paths, s->name, s->from->origin, "");
	for (size_t i = 0; !s->done && i < paths.count; i++)
		s->done = try_path(s, paths.items[i]);
	strings_free(&paths);
}

static void search(struct search *s)
{
	if (strchr(s->name, '/'))
		search_path(s);
	else if (s->l->musl)
		search_musl(s);
	else
		search_glibc(s);
}

/* --- what was met -------------------------------------------------------------------------------- */

static bool is_met(const struct libraries *l, const char *name)
{
	for (struct library *known = l->first; known; known = known->next) {
		if (!strcmp(known->name, name) ||
		    (known->dynamic.soname && !strcmp(known->dynamic.soname, name)))
			return true;
	}
	return l->musl && is_musl_itself(name);
}

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? format_string("/")
			     : format_string("%.*s", (int)(slash - path), path);
}

/* 0 or a negative errno, not reported. */
static int meet(struct libraries *l, const char *path, const char *name, struct library *loader)
{
	struct library *met = calloc(1, sizeof *met);
	struct node *node;

	if (!met)
		report_out_of_memory();
	int err = root_import_alone(l->root, path, &node);
	if (!err)
		err = tree_map(&l->root->tree, node, &met->mapping);
	if (err) {
		free(met);
		return err;
	}
	if (!elf_dynamic_read(met->mapping.data, met->mapping.bytes, &met->dynamic))
		met->dynamic = (struct elf_dynamic){ 0 };
	met->loader = loader;
	met->path = format_string("%s", path);
	met->name = format_string("%s", name);
	met->origin = directory_of(path);
	*l->last = met;
	l->last = &met->next;
	if (l->verbose && loader)
		report("packs %s for %s", path, loader->path);
	return 0;
}

static void say_missing(const struct library *from, const char *name, const char *who)
{
	if (from->loader)
		report("%s: its library %s is missing, which %s wants", who, name, from->path);
	else
		report("%s: its library %s is missing", who, name);
}

/* `who` is NULL where something that is missing does no harm. */
static int add_named(struct libraries *l, struct library *from, const char *name, const char *who)
{
	struct search s = { .l = l, .from = from, .name = name };
	int err = 0;

	if (is_met(l, name))
		return 0;
	search(&s);
	for (size_t i = 0; !err && i < s.found.count; i++) {
		struct library **met = l->last;

		err = meet(l, s.found.items[i], name, from);
		if (err)
			report("%s: %s", s.found.items[i], strerror(-err));
		else
			(*met)->system = s.system;
	}
	if (!s.found.count) {
		err = who ? -ENOENT : 0;
		if (who)
			say_missing(from, name, who);
		else if (l->verbose)
			report("%s: its library %s is not here", from->path, name);
	}
	strings_free(&s.found);
	return err;
}

/* What is needed by `from` and all that comes behind it. */
static int add_needs(struct libraries *l, struct library *from, const char *who)
{
	for (; from; from = from->next) {
		uint64_t position = 0;
		const char *name;

		while ((name = elf_dynamic_needed(&from->dynamic, &position))) {
			int err = add_named(l, from, name, who);
			if (err)
				return err;
		}
	}
	return 0;
}

static int add_preloads(struct libraries *l, struct library *program, const char *who)
{
	struct strings names = { 0 };
	int err = 0;

	if (!l->preload)
		return 0;
	for (const char *at = l->preload; *at;) {
		size_t bytes = strcspn(at, ": ");
		char *name = format_string("%.*s", (int)bytes, at);

		if (bytes)
			strings_add(&names, name);
		free(name);
		at += bytes + (at[bytes] != '\0');
	}
	for (size_t i = 0; !err && i < names.count; i++)
		err = add_named(l, program, names.items[i], who);
	strings_free(&names);
	return err;
}

static int add_interpreter(struct libraries *l, struct library *program, const char *who)
{
	const char *path = program->dynamic.interpreter;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (!program->loader && program == l->first)
		l->musl = !strncmp(name, "ld-musl-", 8);
	if (is_met(l, name))
		return 0;
	int err = meet(l, path, name, program);
	if (err)
		report("%s: its loader %s: %s", who, path, strerror(-err));
	return err;
}

static struct library *find_path(const struct libraries *l, const char *path)
{
	struct library *known = l->first;

	while (known && strcmp(known->path, path))
		known = known->next;
	return known;
}

/* Sets *out to NULL where all is done already. */
static int begin(struct libraries *l, const char *path, struct library **out)
{
	struct library **at = l->last;
	int err = find_path(l, path) ? 0 : meet(l, path, path, NULL);

	*out = *at;
	return err;
}

int libraries_add_program(struct libraries *l, const char *path, const char *who)
{
	struct library *program;
	int err = begin(l, path, &program);

	if (err)
		report("%s: %s", who, strerror(-err));
	if (err || !program || !program->dynamic.interpreter)
		return err;
	err = add_interpreter(l, program, who);
	if (!err)
		err = add_preloads(l, program, who);
	return err ? err : add_needs(l, program, who);
}

int libraries_add_module(struct libraries *l, const char *path)
{
	struct library *module;
	int err = begin(l, path, &module);

	if (err)
		report("%s: %s", path, strerror(-err));
	return err || !module ? err : add_needs(l, module, NULL);
}

bool libraries_add_named(struct libraries *l, const char *name)
{
	struct library **at = l->last;

	if (!l->first || is_met(l, name))
		return l->first;
	return !add_named(l, l->first, name, NULL) && *at && !add_needs(l, *at, NULL);
}

int libraries_add_cache(struct libraries *l)
{
	struct strings names = { 0 }, paths = { 0 };
	struct text cache = { 0 };
	struct found present;
	bool simple = true;

	for (const struct library *met = l->first; met; met = met->next) {
		if (!met->system)
			continue;
		/* The format has more to say of these than is said here; then the loader searches. */
		simple = simple && !strstr(met->path, "/glibc-hwcaps/");
		strings_add(&names, met->name);
		strings_add(&paths, met->path);
	}
	bool there = !root_find(l->root, CACHE_PATH, &present);
	bool in_tree = there && present.node;
	if (there)
		free(present.path);
	int err = 0;
	if (names.count && simple && !in_tree) {
		ld_cache_make(&names, &paths, &cache);
		err = root_write(l->root, CACHE_PATH, cache.data, cache.bytes);
	}
	text_free(&cache);
	strings_free(&names);
	strings_free(&paths);
	return err;
}

/* --- life and questions -------------------------------------------------------------------------- */

static const char *variable(const struct strings *env, const char *name)
{
	size_t bytes = strlen(name);

	for (size_t i = 0; i < env->count; i++) {
		if (!strncmp(env->items[i], name, bytes) && env->items[i][bytes] == '=' &&
		    env->items[i][bytes + 1])
			return env->items[i] + bytes + 1;
	}
	return NULL;
}

void libraries_init(struct libraries *l, struct root *r, const struct strings *env)
{
	*l = (struct libraries){ .root = r, .preload = variable(env, "LD_PRELOAD") };
	l->last = &l->first;
	add_directories(&l->preferred, variable(env, "LD_LIBRARY_PATH"), NULL, ":;");
}

void libraries_fini(struct libraries *l)
{
	for (struct library *met = l->first, *next; met; met = next) {
		next = met->next;
		tree_unmap(&met->mapping);
		free(met->path);
		free(met->origin);
		free(met->name);
		free(met);
	}
	strings_free(&l->preferred);
}

struct library *libraries_next(const struct libraries *l, struct library *from)
{
	return from ? from->next : l->first;
}

const char *library_path(const struct library *library)
{
	return library->path;
}

const char *library_name(const struct library *library)
{
	return library->name;
}

bool library_mentions(const struct library *library, const char *symbol)
{
	return elf_dynamic_mentions(&library->dynamic, symbol);
}

bool library_has_note(const struct library *library, const char *owner)
{
	return elf_has_note(library->mapping.data, library->mapping.bytes, owner);
}
