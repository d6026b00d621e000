/* SPDX-License-Identifier: BSD-3-Clause */
/* A Lua interpreter: runs the script named, or standard input, with its arguments in `arg`. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	lua_State *lua = luaL_newstate();
	if (!lua)
		return 2;
	luaL_openlibs(lua);
	lua_createtable(lua, argc, 0);
	for (int i = 1; i < argc; i++) {
		lua_pushstring(lua, argv[i]);
		lua_rawseti(lua, -2, i - 1);
	}
	lua_setglobal(lua, "arg");
	int status = luaL_dofile(lua, argc > 1 ? argv[1] : NULL);
	if (status)
		printf("error: %s\n", lua_tostring(lua, -1));
	lua_close(lua);
	return status ? 1 : 0;
}
