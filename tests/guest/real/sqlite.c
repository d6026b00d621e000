/* SPDX-License-Identifier: BSD-3-Clause */
/* sqlite FILE: runs the SQL from standard input on a data base and prints the rows. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static int print_row(void *context, int columns, char **values, char **names)
{
	(void)context;
	(void)names;
	for (int i = 0; i < columns; i++)
		printf("%s%s", i ? "|" : "", values[i] ? values[i] : "NULL");
	printf("\n");
	return 0;
}

int main(int argc, char **argv)
{
	static char sql[1 << 20];
	sqlite3 *db;
	char *error = NULL;
	size_t bytes = fread(sql, 1, sizeof(sql) - 1, stdin);
	sql[bytes] = 0;
	if (sqlite3_open(argc > 1 ? argv[1] : ":memory:", &db) != SQLITE_OK) {
		printf("open: %s\n", sqlite3_errmsg(db));
		return 1;
	}
	if (sqlite3_exec(db, sql, print_row, NULL, &error) != SQLITE_OK) {
		printf("error: %s\n", error);
		return 1;
	}
	return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
