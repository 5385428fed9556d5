#include "lua-api/lua_pattern.h"

#include <ctype.h>

#define CHARGE_EVERY 256

static const char *match_here(mr_lua_matcher *m, const char *s, const char *p);

mr_lua_matcher mr_lua_matcher_of(lua_State *state, const char *subject, size_t subject_len,
                                 const char *pattern, size_t pattern_len) {
    return (mr_lua_matcher){.state = state,
                            .subject = subject,
                            .subject_end = subject + subject_len,
                            .pattern_end = pattern + pattern_len};
}

static void count_steps(mr_lua_matcher *m, size_t steps) {
    m->steps += steps;
    if (m->steps >= CHARGE_EVERY) {
        uint64_t due = m->steps;
        m->steps = 0;
        mr_lua_charge(m->state, due);
    }
}

static void count_step(mr_lua_matcher *m) {
    count_steps(m, 1);
}

/* ---- single characters ---- */

static bool is_of_class(int c, int class) {
    bool in;
    switch (tolower(class)) {
    case 'a':
        in = isalpha(c);
        break;
    case 'c':
        in = iscntrl(c);
        break;
    case 'd':
        in = isdigit(c);
        break;
    case 'g':
        in = isgraph(c);
        break;
    case 'l':
        in = islower(c);
        break;
    case 'p':
        in = ispunct(c);
        break;
    case 's':
        in = isspace(c);
        break;
    case 'u':
        in = isupper(c);
        break;
    case 'w':
        in = isalnum(c);
        break;
    case 'x':
        in = isxdigit(c);
        break;
    case 'z': /* no longer in the manual, but known to Lua */
        in = c == 0;
        break;
    default:
        return class == c;
    }
    return isupper(class) ? !in : in;
}

/* p stands at the '[', last at the ']'. */
static bool is_in_set(mr_lua_matcher *m, int c, const char *p, const char *last) {
    bool found = true;
    p++;
    if (*p == '^') {
        found = false;
        p++;
    }
    while (p < last) {
        count_step(m);
        if (*p == '%') {
            if (is_of_class(c, (unsigned char)p[1])) {
                return found;
            }
            p += 2;
        } else if (p[1] == '-' && p + 2 < last) {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) {
                return found;
            }
            p += 3;
        } else {
            if ((unsigned char)*p == c) {
                return found;
            }
            p++;
        }
    }
    return !found;
}

/* Behind the item for one character that begins at p. */
static const char *item_end(mr_lua_matcher *m, const char *p) {
    char first = *p++;
    if (first == '%') {
        if (p == m->pattern_end) {
            luaL_error(m->state, "malformed pattern (ends with '%%')");
        }
        return p + 1;
    }
    if (first != '[') {
        return p;
    }
    const char *begin = p;
    p += *p == '^';
    bool at_first = true; /* a ']' that comes first stands for itself */
    while (at_first || *p != ']') {
        if (p == m->pattern_end) {
            luaL_error(m->state, "malformed pattern (missing ']')");
        }
        bool escape = *p++ == '%';
        if (escape && p < m->pattern_end) {
            p++;
        }
        at_first = false;
    }
    count_steps(m, (size_t)(p - begin) / 4);
    return p + 1;
}

static bool is_match(mr_lua_matcher *m, const char *s, const char *p, const char *end) {
    if (s >= m->subject_end) {
        return false;
    }
    count_step(m);
    int c = (unsigned char)*s;
    switch (*p) {
    case '.':
        return true;
    case '%':
        return is_of_class(c, (unsigned char)p[1]);
    case '[':
        return is_in_set(m, c, p, end - 1);
    default:
        return (unsigned char)*p == c;
    }
}

/* ---- repetitions: as many as there are, then fewer; or as few as do ---- */

static const char *match_most(mr_lua_matcher *m, const char *s, const char *p, const char *end) {
    ptrdiff_t count = 0;
    while (is_match(m, s + count, p, end)) {
        count++;
    }
    for (; count >= 0; count--) {
        const char *found = match_here(m, s + count, end + 1);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static const char *match_least(mr_lua_matcher *m, const char *s, const char *p, const char *end) {
    for (;;) {
        const char *found = match_here(m, s, end + 1);
        if (found != NULL) {
            return found;
        }
        if (!is_match(m, s, p, end)) {
            return NULL;
        }
        s++;
    }
}

/* ---- captures, balances, frontiers ---- */

static const char *open_capture(mr_lua_matcher *m, const char *s, const char *p, ptrdiff_t len) {
    if (m->captures_count >= MR_LUA_CAPTURES_MAX) {
        luaL_error(m->state, "too many captures");
    }
    m->captures[m->captures_count++] = (mr_lua_capture){s, len};
    const char *found = match_here(m, s, p);
    if (found == NULL) {
        m->captures_count--;
    }
    return found;
}

static const char *close_capture(mr_lua_matcher *m, const char *s, const char *p) {
    int index = m->captures_count - 1;
    while (index >= 0 && m->captures[index].len != MR_LUA_CAPTURE_OPEN) {
        index--;
    }
    if (index < 0) {
        luaL_error(m->state, "invalid pattern capture");
    }
    m->captures[index].len = s - m->captures[index].at;
    const char *found = match_here(m, s, p);
    if (found == NULL) {
        m->captures[index].len = MR_LUA_CAPTURE_OPEN;
    }
    return found;
}

static const char *match_balance(mr_lua_matcher *m, const char *s, const char *p) {
    if (m->pattern_end - p < 2) {
        luaL_error(m->state, "malformed pattern (missing arguments to '%%b')");
    }
    if (s >= m->subject_end || *s != p[0]) {
        return NULL;
    }
    int open = 1;
    for (s++; s < m->subject_end; s++) {
        count_step(m);
        if (*s == p[1]) {
            if (--open == 0) {
                return s + 1;
            }
        } else if (*s == p[0]) {
            open++;
        }
    }
    return NULL;
}

static const char *match_again(mr_lua_matcher *m, const char *s, char digit) {
    int index = digit - '1';
    if (index < 0 || index >= m->captures_count || m->captures[index].len == MR_LUA_CAPTURE_OPEN) {
        luaL_error(m->state, "invalid capture index %%%d", index + 1);
    }
    /* A position capture has a length no text has. */
    size_t len = (size_t)m->captures[index].len;
    if ((size_t)(m->subject_end - s) < len) {
        return NULL;
    }
    mr_lua_charge_bytes(m->state, len);
    return memcmp(m->captures[index].at, s, len) == 0 ? s + len : NULL;
}

/* *p stands behind "%f"; moves it behind the set. */
static bool at_frontier(mr_lua_matcher *m, const char *s, const char **p) {
    if (**p != '[') {
        luaL_error(m->state, "missing '[' after '%%f' in pattern");
    }
    const char *end = item_end(m, *p);
    int before = s == m->subject ? 0 : (unsigned char)s[-1];
    int here = s == m->subject_end ? 0 : (unsigned char)*s;
    bool at = !is_in_set(m, before, *p, end - 1) && is_in_set(m, here, *p, end - 1);
    *p = end;
    return at;
}

/* ---- the pattern from p on ---- */

typedef enum verdict { GO_ON, FOUND, FAILED } verdict;

/* An item that is no single character. `found` is the result if it is decided here. */
static verdict match_special(mr_lua_matcher *m, const char **s, const char **p,
                             const char **found) {
    const char *at = *p;
    if (*at == '(') {
        bool position = at[1] == ')';
        *found = open_capture(m, *s, at + 1 + position,
                              position ? MR_LUA_CAPTURE_POSITION : MR_LUA_CAPTURE_OPEN);
        return FOUND;
    }
    if (*at == ')') {
        *found = close_capture(m, *s, at + 1);
        return FOUND;
    }
    if (at[1] == 'f') {
        *p = at + 2;
        return at_frontier(m, *s, p) ? GO_ON : FAILED;
    }
    *p = at[1] == 'b' ? at + 4 : at + 2;
    const char *behind = at[1] == 'b' ? match_balance(m, *s, at + 2) : match_again(m, *s, at[1]);
    *s = behind;
    return behind == NULL ? FAILED : GO_ON;
}

/* One character and what repeats it. */
static verdict match_single(mr_lua_matcher *m, const char **s, const char **p, const char **found) {
    const char *end = item_end(m, *p);
    switch (*end) {
    case '*':
        *found = match_most(m, *s, *p, end);
        return FOUND;
    case '+':
        *found = is_match(m, *s, *p, end) ? match_most(m, *s + 1, *p, end) : NULL;
        return FOUND;
    case '-':
        *found = match_least(m, *s, *p, end);
        return FOUND;
    case '?':
        if (is_match(m, *s, *p, end) && (*found = match_here(m, *s + 1, end + 1)) != NULL) {
            return FOUND;
        }
        *p = end + 1;
        return GO_ON;
    default:
        if (!is_match(m, *s, *p, end)) {
            return FAILED;
        }
        (*s)++;
        *p = end;
        return GO_ON;
    }
}

static bool is_special(const char *p) {
    return *p == '(' || *p == ')' ||
           (*p == '%' && (p[1] == 'b' || p[1] == 'f' || isdigit((unsigned char)p[1])));
}

static const char *match_here(mr_lua_matcher *m, const char *s, const char *p) {
    if (m->depth++ == MR_LUA_PATTERN_DEPTH_MAX) {
        luaL_error(m->state, "pattern too complex");
    }
    const char *found = NULL;
    verdict now = GO_ON;
    while (now == GO_ON) {
        count_step(m);
        if (p == m->pattern_end) {
            found = s;
            now = FOUND;
        } else if (*p == '$' && p + 1 == m->pattern_end) {
            found = s == m->subject_end ? s : NULL;
            now = FOUND;
        } else {
            now =
                is_special(p) ? match_special(m, &s, &p, &found) : match_single(m, &s, &p, &found);
        }
    }
    m->depth--;
    return now == FOUND ? found : NULL;
}

const char *mr_lua_match(mr_lua_matcher *matcher, const char *at, const char *pattern) {
    matcher->captures_count = 0;
    matcher->depth = 0;
    return match_here(matcher, at, pattern);
}

void mr_lua_push_capture(mr_lua_matcher *matcher, int index, const char *begin, const char *end) {
    if (index >= matcher->captures_count) {
        if (index != 0) {
            luaL_error(matcher->state, "invalid capture index %%%d", index + 1);
        }
        lua_pushlstring(matcher->state, begin, (size_t)(end - begin));
        return;
    }
    const mr_lua_capture *capture = &matcher->captures[index];
    if (capture->len == MR_LUA_CAPTURE_OPEN) {
        luaL_error(matcher->state, "unfinished capture");
    } else if (capture->len == MR_LUA_CAPTURE_POSITION) {
        lua_pushinteger(matcher->state, capture->at - matcher->subject + 1);
    } else {
        lua_pushlstring(matcher->state, capture->at, (size_t)capture->len);
    }
}

int mr_lua_push_captures(mr_lua_matcher *matcher, const char *begin, const char *end) {
    int count = matcher->captures_count == 0 && begin != NULL ? 1 : matcher->captures_count;
    luaL_checkstack(matcher->state, count, "too many captures");
    for (int i = 0; i < count; i++) {
        mr_lua_push_capture(matcher, i, begin, end);
    }
    return count;
}
