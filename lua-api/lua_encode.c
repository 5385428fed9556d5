#include "lua-api/lua_encode.h"

#include "lua-api/lua_order.h"
#include "lua-api/lua_value.h"
#include "runtime/base/limits.h"

typedef struct encoder {
    lua_State *state;
    mr_buf *out;
    const char *name; /* of the field being written, for messages; NULL: none */
    int depth;
    const void *path[MR_JSON_DEPTH_MAX]; /* the tables around */
} encoder;

static void encode(encoder *e, int index);

static void refuse(encoder *e, const char *what) {
    if (e->name != NULL) {
        luaL_error(e->state, "%s (field '%s')", what, e->name);
    }
    luaL_error(e->state, "%s", what);
}

void mr_lua_mark(lua_State *state, int index, const char *mark) {
    index = lua_absindex(state, index);
    mr_lua_push_slot(state, MR_LUA_SLOT_MARKS);
    lua_pushvalue(state, index);
    lua_pushstring(state, mark);
    lua_rawset(state, -3);
    lua_pop(state, 1);
}

/* 'a', 'o' or 0. */
static char mark_of(lua_State *state, int index) {
    mr_lua_push_slot(state, MR_LUA_SLOT_MARKS);
    lua_pushvalue(state, index);
    lua_rawget(state, -2);
    const char *mark = lua_tostring(state, -1);
    char first = mark == NULL ? '\0' : *mark;
    lua_pop(state, 2);
    return first;
}

typedef struct shape {
    lua_Integer integers; /* keys that are integers */
    lua_Integer greatest;
    lua_Integer least;
    lua_Integer strings;
    bool others;
} shape;

static shape shape_of(lua_State *state, int table) {
    shape s = {0};
    lua_pushnil(state);
    while (lua_next(state, table)) {
        lua_pop(state, 1);
        if (lua_type(state, -1) == LUA_TSTRING) {
            s.strings++;
        } else if (lua_isinteger(state, -1)) {
            lua_Integer key = lua_tointeger(state, -1);
            s.greatest = s.integers == 0 || key > s.greatest ? key : s.greatest;
            s.least = s.integers == 0 || key < s.least ? key : s.least;
            s.integers++;
        } else {
            s.others = true;
        }
    }
    mr_lua_charge(state, (uint64_t)(s.integers + s.strings) + 1);
    return s;
}

bool mr_lua_is_array(lua_State *state, int index) {
    mr_lua_value *value = mr_lua_to_value(state, index);
    if (value != NULL) {
        return value->is_array;
    }
    if (lua_type(state, index) != LUA_TTABLE) {
        return false;
    }
    lua_pushvalue(state, index);
    (void)mr_lua_see_through(state, -1);
    char mark = mark_of(state, lua_gettop(state));
    shape s = shape_of(state, lua_gettop(state));
    lua_pop(state, 1);
    return mark == 'a' || (mark == 0 && s.integers > 0 && s.strings == 0 && !s.others);
}

/* ---- nesting ---- */

static void enter(encoder *e, const void *table) {
    for (int i = 0; i < e->depth; i++) {
        if (e->path[i] == table) {
            refuse(e, "a table that holds itself cannot be written as JSON");
        }
    }
    if (e->depth == MR_JSON_DEPTH_MAX) {
        refuse(e, "nested too deep for JSON");
    }
    luaL_checkstack(e->state, 16, "nested too deep for JSON");
    e->path[e->depth++] = table;
}

static void leave(encoder *e) {
    e->depth--;
}

static void check_size(encoder *e, size_t more_bytes) {
    if (e->out->len + more_bytes > mr_lua_vm_of(e->state)->memory_bytes_max) {
        refuse(e, "the JSON text is longer than the memory of the task");
    }
}

/* Copied text brings its own nesting. A level takes at least two bytes, so short texts need no
 * look. */
static void put_span(encoder *e, mr_bytes span) {
    size_t room = (size_t)(MR_JSON_DEPTH_MAX - e->depth);
    if (e->depth > 0 && span.len > 2 * room) {
        size_t depth = 0;
        bool in_string = false;
        for (size_t i = 0; i < span.len; i++) {
            uint8_t c = span.data[i];
            if (in_string) {
                i += c == '\\';
                in_string = c != '"';
            } else if (c == '"') {
                in_string = true;
            } else if (c == '{' || c == '[') {
                if (++depth > room) {
                    refuse(e, "nested too deep for JSON");
                }
            } else if (c == '}' || c == ']') {
                depth--;
            }
        }
    }
    mr_lua_charge_bytes(e->state, span.len);
    check_size(e, span.len);
    mr_buf_put_bytes(e->out, span);
}

/* ---- tables ---- */

static void put_name(encoder *e, int index) {
    size_t len;
    const char *name = lua_tolstring(e->state, index, &len);
    if (mr_json_put_string(e->out, mr_bytes_of(name, len)) != MR_OK) {
        refuse(e, "a field's name is not UTF-8");
    }
    mr_buf_put_u8(e->out, ':');
    e->name = name;
}

static void put_comma(encoder *e, char open) {
    if (e->out->data[e->out->len - 1] != (uint8_t)open) {
        mr_buf_put_u8(e->out, ',');
    }
}

static void encode_sequence(encoder *e, int table, lua_Integer count) {
    mr_buf_put_u8(e->out, '[');
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1) {
            mr_buf_put_u8(e->out, ',');
        }
        lua_rawgeti(e->state, table, i);
        encode(e, lua_gettop(e->state));
        lua_pop(e->state, 1);
    }
    mr_buf_put_u8(e->out, ']');
}

static void encode_fields(encoder *e, int table) {
    lua_Integer count = mr_lua_push_sorted_keys(e->state, table);
    int keys = lua_gettop(e->state);
    mr_buf_put_u8(e->out, '{');
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1) {
            mr_buf_put_u8(e->out, ',');
        }
        lua_rawgeti(e->state, keys, i);
        put_name(e, keys + 1);
        lua_pushvalue(e->state, keys + 1);
        lua_rawget(e->state, table);
        encode(e, keys + 2);
        lua_settop(e->state, keys);
    }
    lua_pop(e->state, 1);
    mr_buf_put_u8(e->out, '}');
}

static void encode_table(encoder *e, int index) {
    lua_State *state = e->state;
    enter(e, lua_topointer(state, index));
    lua_pushvalue(state, index);
    (void)mr_lua_see_through(state, -1);
    int table = lua_gettop(state);
    char mark = mark_of(state, table);
    shape s = shape_of(state, table);
    if (s.others) {
        refuse(e, "keys must be strings or 1..n to be written as JSON");
    }
    bool array = mark == 'a' || (mark == 0 && s.integers > 0);
    if (array && s.strings > 0) {
        refuse(e, "a table with both names and positions cannot be written as JSON");
    }
    if (array && s.integers > 0 && (s.least != 1 || s.greatest != s.integers)) {
        refuse(e, "an array with holes cannot be written as JSON: null fills them");
    }
    if (!array && s.integers > 0) {
        refuse(e, "the names of an object's fields must be strings");
    }
    array ? encode_sequence(e, table, s.integers) : encode_fields(e, table);
    lua_pop(state, 1);
    leave(e);
}

/* ---- JSON values with changes ---- */

static void encode_changed_array(encoder *e, int index, mr_lua_value *array) {
    mr_json_walk walk = mr_json_walk_begin(mr_lua_value_span(e->state, array));
    mr_json_span part = {MR_BYTES_NULL, MR_BYTES_NULL};
    mr_buf_put_u8(e->out, '[');
    for (lua_Integer i = 1; i <= (lua_Integer)array->count; i++) {
        bool in_text = mr_json_walk_next(&walk, &part);
        put_comma(e, '[');
        lua_pushinteger(e->state, -i);
        mr_lua_value_slot(e->state, index, array);
        bool assigned = !lua_isnil(e->state, -1);
        lua_pop(e->state, 1);
        lua_pushinteger(e->state, i);
        mr_lua_value_slot(e->state, index, array);
        if (in_text && !assigned && mr_lua_to_value(e->state, -1) == NULL) {
            put_span(e, part.value);
        } else {
            encode(e, lua_gettop(e->state));
        }
        lua_pop(e->state, 1);
    }
    mr_buf_put_u8(e->out, ']');
}

/* One field of the text; the slot's value decides if there is one. `done`: names already written
 * from slots. */
static void encode_text_field(encoder *e, int index, mr_lua_value *object, const mr_json_span *part,
                              int done) {
    lua_State *state = e->state;
    mr_lua_value_push_text(state, part->name_raw);
    int name = lua_gettop(state);
    lua_pushvalue(state, name);
    mr_lua_value_slot(state, index, object);
    if (lua_isnil(state, -1)) {
        put_comma(e, '{');
        mr_buf_put_bytes(e->out, part->name_raw);
        mr_buf_put_u8(e->out, ':');
        put_span(e, part->value);
    } else if (lua_touserdata(state, -1) != MR_LUA_REMOVED) {
        lua_pushvalue(state, name);
        if (lua_rawget(state, done) == LUA_TNIL) {
            lua_pushvalue(state, name);
            lua_pushboolean(state, 1);
            lua_rawset(state, done);
            put_comma(e, '{');
            mr_buf_put_bytes(e->out, part->name_raw);
            mr_buf_put_u8(e->out, ':');
            e->name = lua_tostring(state, name);
            encode(e, name + 1);
        }
    }
    lua_settop(state, name - 1);
}

static void encode_changed_object(encoder *e, int index, mr_lua_value *object) {
    lua_State *state = e->state;
    lua_newtable(state);
    int done = lua_gettop(state);
    mr_json_walk walk = mr_json_walk_begin(mr_lua_value_span(e->state, object));
    mr_json_span part;
    mr_buf_put_u8(e->out, '{');
    while (mr_json_walk_next(&walk, &part)) {
        encode_text_field(e, index, object, &part, done);
    }
    for (lua_Integer i = 1;; i++) {
        lua_pushinteger(state, i);
        mr_lua_value_slot(state, index, object);
        if (lua_isnil(state, -1)) {
            break;
        }
        lua_pushvalue(state, done + 1);
        mr_lua_value_slot(state, index, object);
        if (lua_touserdata(state, -1) != MR_LUA_REMOVED) {
            put_comma(e, '{');
            put_name(e, done + 1);
            encode(e, done + 2);
        }
        lua_settop(state, done);
    }
    lua_settop(state, done - 1);
    mr_buf_put_u8(e->out, '}');
}

static void encode_value(encoder *e, int index, mr_lua_value *value) {
    mr_lua_value_check(e->state, value);
    if (!value->document->dirty || !value->has_slots) {
        put_span(e, mr_lua_value_span(e->state, value));
        return;
    }
    enter(e, value);
    value->is_array ? encode_changed_array(e, index, value)
                    : encode_changed_object(e, index, value);
    leave(e);
}

/* ---- any value ---- */

static void encode_text(encoder *e, int index) {
    size_t len;
    const char *text = lua_tolstring(e->state, index, &len);
    mr_lua_charge_bytes(e->state, len);
    if (mr_json_put_string(e->out, mr_bytes_of(text, len)) != MR_OK) {
        refuse(e, "a string that is not UTF-8 cannot be written as JSON");
    }
}

static void encode_userdata(encoder *e, int index) {
    mr_lua_value *value = mr_lua_to_value(e->state, index);
    if (value != NULL) {
        encode_value(e, index, value);
    } else if (mr_lua_is_null(e->state, index)) {
        mr_json_put_null(e->out);
    } else {
        refuse(e, "ctx, headers and window are no values: take their fields");
    }
}

/* index is absolute. */
static void encode(encoder *e, int index) {
    mr_lua_charge(e->state, 1);
    check_size(e, 0);
    switch (lua_type(e->state, index)) {
    case LUA_TBOOLEAN:
        mr_json_put_bool(e->out, lua_toboolean(e->state, index));
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(e->state, index)) {
            mr_json_put_int(e->out, lua_tointeger(e->state, index));
        } else if (mr_json_put_float(e->out, lua_tonumber(e->state, index)) != MR_OK) {
            refuse(e, "NaN and infinity cannot be written as JSON");
        }
        break;
    case LUA_TSTRING:
        encode_text(e, index);
        break;
    case LUA_TTABLE:
        encode_table(e, index);
        break;
    case LUA_TUSERDATA:
        encode_userdata(e, index);
        break;
    case LUA_TNIL:
        refuse(e, "nil cannot be written as JSON: null can");
        break;
    default:
        refuse(e, "a function cannot be written as JSON");
        break;
    }
}

void mr_lua_encode(lua_State *state, int index) {
    encoder e = {.state = state, .out = &mr_lua_vm_of(state)->out};
    mr_buf_clear(e.out);
    encode(&e, lua_absindex(state, index));
}
