/* time.parse, iso, floor, ms: UTC, milliseconds since 1970, no clock. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "lua-api/lua_vm.h"
#include "runtime/base/number.h"

#define DAY_MS INT64_C(86400000)
/* 0000-01-01 and 9999-12-31T23:59:59.999 */
#define ISO_MS_MIN INT64_C(-62167219200000)
#define ISO_MS_MAX INT64_C(253402300799999)

/* ---- days and dates of the proleptic Gregorian calendar; years begin in March, so that leap days
 * end them ---- */

static int64_t days_of_date(int64_t year, int64_t month, int64_t day) {
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day) {
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    *month = month_shifted < 10 ? month_shifted + 3 : month_shifted - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static bool is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* ---- time.parse ---- */

typedef struct parsed {
    int64_t year, month, day, day_of_year; /* day_of_year 0: not given */
    int64_t hour, minute, second, ms;
    int64_t zone_ms; /* ahead of UTC */
    int64_t epoch_s; /* without its sign */
    bool has_epoch, before_epoch;
} parsed;

/* min to max decimal digits. */
static bool read_digits(const char **at, int min, int max, int64_t *out) {
    int64_t value = 0;
    int count = 0;
    while (count < max && isdigit((unsigned char)**at)) {
        value = value * 10 + (**at - '0');
        (*at)++;
        count++;
    }
    *out = value;
    return count >= min;
}

/* ".5" is 500 ms. */
static bool read_ms(const char **at, int64_t *out) {
    const char *begin = *at;
    if (!read_digits(at, 1, 3, out)) {
        return false;
    }
    for (ptrdiff_t digits = *at - begin; digits < 3; digits++) {
        *out *= 10;
    }
    return true;
}

static bool read_month(const char **at, int64_t *out) {
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int month = 0; month < 12; month++) {
        const char *name = names + (ptrdiff_t)month * 3;
        int i = 0;
        while (i < 3 && tolower((unsigned char)(*at)[i]) == name[i]) {
            i++;
        }
        if (i == 3) {
            *at += 3;
            *out = month + 1;
            return true;
        }
    }
    return false;
}

/* "Z", "+02:00", "+0200", "+02". */
static bool read_zone(const char **at, int64_t *out) {
    if (**at == 'Z' || **at == 'z') {
        (*at)++;
        *out = 0;
        return true;
    }
    int64_t sign = **at == '-' ? -1 : 1;
    int64_t hours, minutes = 0;
    if ((**at != '+' && **at != '-') || ((*at)++, !read_digits(at, 2, 2, &hours))) {
        return false;
    }
    bool colon = **at == ':';
    if (colon || isdigit((unsigned char)**at)) {
        *at += colon;
        if (!read_digits(at, 2, 2, &minutes)) {
            return false;
        }
    }
    *out = sign * (hours * 60 + minutes) * 60000;
    return hours < 24 && minutes < 60;
}

static bool read_epoch(const char **at, parsed *p) {
    p->has_epoch = true;
    p->before_epoch = **at == '-';
    *at += p->before_epoch;
    return read_digits(at, 1, 15, &p->epoch_s);
}

static bool read_field(lua_State *state, char letter, const char **at, parsed *p) {
    switch (letter) {
    case 'Y':
        return read_digits(at, 4, 4, &p->year);
    case 'm':
        return read_digits(at, 1, 2, &p->month) && p->month >= 1 && p->month <= 12;
    case 'd':
        return read_digits(at, 1, 2, &p->day) && p->day >= 1;
    case 'H':
        return read_digits(at, 1, 2, &p->hour) && p->hour <= 23;
    case 'M':
        return read_digits(at, 1, 2, &p->minute) && p->minute <= 59;
    case 'S':
        return read_digits(at, 1, 2, &p->second) && p->second <= 59;
    case 'L':
        return read_ms(at, &p->ms);
    case 'b':
        return read_month(at, &p->month);
    case 'j':
        return read_digits(at, 1, 3, &p->day_of_year) && p->day_of_year >= 1;
    case 'z':
        return read_zone(at, &p->zone_ms);
    case 's':
        return read_epoch(at, p);
    default: {
        const char name[2] = {letter, '\0'}; /* none at the format's end */
        luaL_error(state,
                   "time.parse knows %%Y %%m %%d %%H %%M %%S %%L %%b %%j %%z %%s, not '%%%s'",
                   name);
        return false;
    }
    }
}

static bool to_ms(const parsed *p, int64_t *out) {
    if (p->has_epoch) {
        int64_t away_ms = p->epoch_s * 1000 + p->ms; /* "-1.5" is 1.5 s before */
        *out = p->before_epoch ? -away_ms : away_ms;
        return true;
    }
    int64_t days;
    if (p->day_of_year > 0) {
        if (p->day_of_year > 365 + is_leap(p->year)) {
            return false;
        }
        days = days_of_date(p->year, 1, 1) + p->day_of_year - 1;
    } else {
        if (p->day > days_in_month(p->year, p->month)) {
            return false;
        }
        days = days_of_date(p->year, p->month, p->day);
    }
    *out =
        days * DAY_MS + ((p->hour * 60 + p->minute) * 60 + p->second) * 1000 + p->ms - p->zone_ms;
    return true;
}

static int time_parse(lua_State *state) {
    size_t len, format_len;
    const char *text = mr_lua_check_text(state, 1, &len);
    const char *format = mr_lua_check_text(state, 2, &format_len);
    mr_lua_charge(state, format_len + 1);
    parsed p = {.year = 1970, .month = 1, .day = 1};
    const char *at = text;
    bool fits = true;
    for (size_t i = 0; i < format_len; i++) {
        if (format[i] == '%' && format[i + 1] != '%') {
            const char *ignored = "";
            fits = read_field(state, format[++i], fits ? &at : &ignored, &p) && fits;
        } else {
            i += format[i] == '%';
            fits = fits && at < text + len && *at == format[i];
            at += fits;
        }
    }
    int64_t ms;
    if (fits && at == text + len && to_ms(&p, &ms)) {
        lua_pushinteger(state, ms);
    } else {
        lua_pushnil(state);
    }
    return 1;
}

/* ---- time.iso, floor, ms ---- */

static int time_iso(lua_State *state) {
    int64_t ts = luaL_checkinteger(state, 1);
    luaL_argcheck(state, ts >= ISO_MS_MIN && ts <= ISO_MS_MAX, 1, "beyond the years 0 to 9999");
    int64_t days = ts / DAY_MS - (ts % DAY_MS < 0);
    int64_t in_day = ts - days * DAY_MS;
    int64_t year, month, day;
    date_of_days(days, &year, &month, &day);
    char text[64];
    int len = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, (int)month,
                       (int)day, (int)(in_day / 3600000), (int)(in_day / 60000 % 60),
                       (int)(in_day / 1000 % 60));
    if (in_day % 1000 != 0) {
        len += snprintf(text + len, sizeof text - (size_t)len, ".%03d", (int)(in_day % 1000));
    }
    lua_pushlstring(state, text, (size_t)len);
    lua_pushliteral(state, "Z");
    lua_concat(state, 2);
    return 1;
}

static int64_t check_duration(lua_State *state, int argument) {
    size_t len;
    luaL_checktype(state, argument, LUA_TSTRING);
    const char *text = lua_tolstring(state, argument, &len);
    int64_t ms = 0;
    if (mr_duration_parse(mr_bytes_of(text, len), &ms) != MR_OK) {
        luaL_argerror(state, argument, "no duration: whole numbers of ms s m h d, as in \"1h30m\"");
    }
    return ms;
}

static int time_floor(lua_State *state) {
    int64_t ts = luaL_checkinteger(state, 1);
    int64_t step = check_duration(state, 2);
    luaL_argcheck(state, step > 0, 2, "a duration above 0");
    int64_t rest = ts % step;
    int64_t floor_ms;
    bool beyond = __builtin_sub_overflow(ts - rest, rest < 0 ? step : 0, &floor_ms);
    luaL_argcheck(state, !beyond, 1, "out of range");
    lua_pushinteger(state, floor_ms);
    return 1;
}

static int time_ms(lua_State *state) {
    lua_pushinteger(state, check_duration(state, 1));
    return 1;
}

void mr_lua_open_time(lua_State *state) {
    static const luaL_Reg functions[] = {{"floor", time_floor},
                                         {"iso", time_iso},
                                         {"ms", time_ms},
                                         {"parse", time_parse},
                                         {NULL, NULL}};
    luaL_setfuncs(state, functions, 0);
}
