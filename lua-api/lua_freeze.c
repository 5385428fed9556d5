#include "lua-api/lua_scan.h"
#include "lua-api/lua_vm.h"

/* A frozen table is empty; its contents stand in a shadow that its metatable's __index reads. What
 * reads raw (metamethods, rawget, pairs, the encoder) uses the shadow.
 *
 *   t = {}  --metatable-->  {__index = shadow, __newindex = refuse, and the metamethods t had}
 *   shadow = {a = 1, ...}  --metatable-->  the shadow of t's own metatable
 */

bool mr_lua_see_through(lua_State *state, int index) {
    index = lua_absindex(state, index);
    if (lua_type(state, index) != LUA_TTABLE) {
        return false;
    }
    mr_lua_push_slot(state, MR_LUA_SLOT_SHADOWS);
    lua_pushvalue(state, index);
    bool frozen = lua_rawget(state, -2) == LUA_TTABLE;
    if (frozen) {
        lua_replace(state, index);
        lua_pop(state, 1);
    } else {
        lua_pop(state, 2);
    }
    return frozen;
}

static int refuse_write(lua_State *state) {
    return luaL_error(
        state, "this table was made at load and is read-only: memory between records is a store");
}

static int refuse_global(lua_State *state) {
    const char *name = lua_tostring(state, 2);
    return luaL_error(state, "globals are read-only after load: '%s'", name == NULL ? "?" : name);
}

static int shadow_length(lua_State *state) {
    (void)mr_lua_see_through(state, 1);
    lua_pushinteger(state, (lua_Integer)lua_rawlen(state, 1));
    return 1;
}

/* table[key on top] = value at index; pops the key. */
static void raw_put(lua_State *state, int table, int value) {
    lua_pushvalue(state, value);
    lua_rawset(state, table);
}

static void copy_fields(lua_State *state, int from, int to) {
    lua_pushnil(state);
    while (lua_next(state, from)) {
        lua_pushvalue(state, -2);
        raw_put(state, to, lua_gettop(state) - 1);
        lua_pop(state, 1);
    }
}

static void link_slot(lua_State *state, mr_lua_slot slot, int key, int value) {
    mr_lua_push_slot(state, slot);
    lua_pushvalue(state, key);
    lua_pushvalue(state, value);
    lua_rawset(state, -3);
    lua_pop(state, 1);
}

/* Moves the contents of the table at index into a new shadow. Metatables are set by `cover`. */
static void move_to_shadow(lua_State *state, int table) {
    lua_newtable(state);
    int shadow = lua_gettop(state);
    copy_fields(state, table, shadow);
    lua_pushnil(state);
    while (lua_next(state, shadow)) {
        lua_pop(state, 1);
        lua_pushvalue(state, -1);
        lua_pushnil(state);
        lua_rawset(state, table);
    }
    mr_lua_push_slot(state, MR_LUA_SLOT_MARKS);
    lua_pushvalue(state, table);
    if (lua_rawget(state, -2) != LUA_TNIL) {
        link_slot(state, MR_LUA_SLOT_MARKS, shadow, lua_gettop(state));
    }
    lua_settop(state, shadow);
    link_slot(state, MR_LUA_SLOT_SHADOWS, table, shadow);
    link_slot(state, MR_LUA_SLOT_FROZEN, shadow, table);
    lua_pop(state, 1);
}

static void cover(lua_State *state, int table) {
    lua_pushvalue(state, table);
    (void)mr_lua_see_through(state, -1);
    int shadow = lua_gettop(state);
    lua_newtable(state);
    int cover = shadow + 1;
    lua_pushcfunction(state, shadow_length);
    lua_setfield(state, cover, "__len");
    if (lua_getmetatable(state, table)) {
        (void)mr_lua_see_through(state, -1);
        copy_fields(state, lua_gettop(state), cover);
        lua_setmetatable(state, shadow);
    }
    lua_pushvalue(state, shadow);
    lua_setfield(state, cover, "__index");
    lua_pushcfunction(state, refuse_write);
    lua_setfield(state, cover, "__newindex");
    lua_setmetatable(state, table);
    lua_pop(state, 1);
}

void mr_lua_freeze_table(lua_State *state) {
    int table = lua_gettop(state);
    move_to_shadow(state, table);
    cover(state, table);
}

/* ---- everything that is reachable from the environment ---- */

typedef struct walk {
    const mr_lua_scan *scan;
    int seen;  /* table: object -> true */
    int work;  /* array of objects to visit */
    int found; /* array of tables to freeze */
    lua_Integer work_count;
    lua_Integer found_count;
} walk;

/* Pops a value; tables and functions not seen yet are visited later. */
static void reach(lua_State *state, walk *w) {
    int type = lua_type(state, -1);
    if (type != LUA_TTABLE && type != LUA_TFUNCTION) {
        lua_pop(state, 1);
        return;
    }
    lua_pushvalue(state, -1);
    if (lua_rawget(state, w->seen) != LUA_TNIL) {
        lua_pop(state, 2);
        return;
    }
    lua_pop(state, 1);
    lua_pushvalue(state, -1);
    lua_pushboolean(state, 1);
    lua_rawset(state, w->seen);
    lua_rawseti(state, w->work, ++w->work_count);
}

static void reach_table(lua_State *state, walk *w, int table) {
    lua_pushvalue(state, table);
    bool frozen = mr_lua_see_through(state, -1);
    lua_pop(state, 1);
    if (frozen) { /* a library */
        return;
    }
    lua_pushvalue(state, table);
    lua_rawseti(state, w->found, ++w->found_count);
    if (lua_getmetatable(state, table)) {
        reach(state, w);
    }
    lua_pushnil(state);
    while (lua_next(state, table)) {
        reach(state, w);
        lua_pushvalue(state, -1);
        reach(state, w);
    }
}

static bool has_upvalue(lua_State *state, int function, const mr_lua_token *name) {
    const char *upvalue;
    for (int i = 1; (upvalue = lua_getupvalue(state, function, i)) != NULL; i++) {
        lua_pop(state, 1);
        if (mr_lua_token_is(name, upvalue)) {
            return true;
        }
    }
    return false;
}

/* A closure that assigns a local of a function around it would remember from call to call.
 * Functions are known again by their lines and by the names of what they hold. */
static void refuse_memory(lua_State *state, const walk *w, int function) {
    lua_Debug info;
    lua_pushvalue(state, function);
    (void)lua_getinfo(state, ">S", &info);
    for (size_t i = 0; i < w->scan->assigned_count; i++) {
        const mr_lua_assigned *assigned = &w->scan->assigned[i];
        const mr_lua_function *known = &w->scan->functions[assigned->function];
        if ((int)known->line_first == info.linedefined &&
            (int)known->line_last == info.lastlinedefined &&
            has_upvalue(state, function, &assigned->name)) {
            luaL_error(state,
                       "%s:%d: this function changes a local that outlives the call: memory "
                       "between records is a store",
                       info.short_src, info.linedefined);
        }
    }
}

static void reach_function(lua_State *state, walk *w, int function) {
    if (lua_iscfunction(state, function)) {
        if (lua_getupvalue(state, function, 1) != NULL) {
            luaL_error(state, "an iterator cannot outlive the call: make it where it is used");
        }
        return;
    }
    refuse_memory(state, w, function);
    for (int i = 1; lua_getupvalue(state, function, i) != NULL; i++) {
        reach(state, w);
    }
}

void mr_lua_freeze_environment(lua_State *state, const void *scan) {
    int base = lua_gettop(state);
    walk w = {.scan = scan, .seen = base + 1, .work = base + 2, .found = base + 3};
    for (int i = 0; i < 3; i++) {
        lua_newtable(state);
    }
    mr_lua_push_slot(state, MR_LUA_SLOT_ENV);
    int env = lua_gettop(state);
    lua_pushvalue(state, env);
    lua_pushboolean(state, 1);
    lua_rawset(state, w.seen);
    lua_pushnil(state);
    while (lua_next(state, env)) {
        reach(state, &w);
    }
    for (lua_Integer i = 1; i <= w.work_count; i++) {
        int object = env + 1;
        if (lua_rawgeti(state, w.work, i) == LUA_TTABLE) {
            reach_table(state, &w, object);
        } else {
            reach_function(state, &w, object);
        }
        lua_settop(state, env);
    }
    for (lua_Integer i = 1; i <= w.found_count; i++) {
        lua_rawgeti(state, w.found, i);
        move_to_shadow(state, env + 1);
        lua_settop(state, env);
    }
    for (lua_Integer i = 1; i <= w.found_count; i++) {
        lua_rawgeti(state, w.found, i);
        cover(state, env + 1);
        lua_settop(state, env);
    }
    (void)lua_getmetatable(state, env);
    lua_pushcfunction(state, refuse_global);
    lua_setfield(state, -2, "__newindex");
    lua_settop(state, base);
}
