/* time.parse, iso, floor: every date there is, against the C library's calendar; what fits no
 * format. */
#define _GNU_SOURCE /* timegm */

#include <time.h>

#include "runtime/base/prng.h"
#include "tests/unit/lua_fixture.h"

#define TIMES 20000
/* 0000-01-01 and the day behind 9999-12-31 */
#define FIRST_S INT64_C(-62167219200)
#define END_S INT64_C(253402300800)

static void put_iso(int64_t ts_ms, char *out, size_t size) {
    int64_t ms = (ts_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((ts_ms - ms) / 1000);
    struct tm tm;
    assert_non_null(gmtime_r(&seconds, &tm));
    int len = snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (ms != 0) {
        len += snprintf(out + len, size - (size_t)len, ".%03d", (int)ms);
    }
    (void)snprintf(out + len, size - (size_t)len, "Z");
}

static void dates_are_those_of_the_c_library(void **state) {
    (void)state;
    mr_prng random = mr_prng_seeded(7);
    lua_case c = {.text = "local text = time.iso(value) "
                          "local format = #text == 20 and '%Y-%m-%dT%H:%M:%S%z' "
                          "or '%Y-%m-%dT%H:%M:%S.%L%z' "
                          "return text .. ' ' .. tostring(time.parse(text, format) == value)",
                  .use = MR_CODE_MAP,
                  .form = MR_CODE_BODY};
    lua_fixture f;
    mr_err err = {0};
    assert_int_equal(lua_fixture_open(&f, &c, &err), MR_OK);
    for (int i = 0; i < TIMES; i++) {
        int64_t span_s = END_S - FIRST_S;
        int64_t ts_ms = (FIRST_S + (int64_t)mr_prng_below(&random, (uint64_t)span_s)) * 1000;
        ts_ms += i % 3 == 0 ? (int64_t)mr_prng_below(&random, 1000) : 0;
        char value[32], text[64], expected[80];
        snprintf(value, sizeof value, "%lld", (long long)ts_ms);
        put_iso(ts_ms, text, sizeof text);
        snprintf(expected, sizeof expected, "\"%s true\"", text);
        c.value = value;
        lua_fixture_set(&f, &c);
        assert_string_equal(lua_fixture_run(&f), expected);
    }
    lua_fixture_close(&f);
}

static void parsed(const char *text, const char *format, const char *expected) {
    char code[200];
    snprintf(code, sizeof code, "time.parse(\"%s\", \"%s\")", text, format);
    lua_gives(code, NULL, expected);
}

static void dates_that_are_none_are_nil(void **state) {
    (void)state;
    parsed("2000-02-29", "%Y-%m-%d", "951782400000");
    parsed("1900-02-29", "%Y-%m-%d", "nil");
    parsed("0000-02-29", "%Y-%m-%d", "-62162121600000");
    parsed("2023-02-29", "%Y-%m-%d", "nil");
    parsed("2023-04-31", "%Y-%m-%d", "nil");
    parsed("2023-13-01", "%Y-%m-%d", "nil");
    parsed("2023-00-01", "%Y-%m-%d", "nil");
    parsed("2023-01-00", "%Y-%m-%d", "nil");
    parsed("9999-12-31 23:59:59.999", "%Y-%m-%d %H:%M:%S.%L", "253402300799999");
    parsed("24:00", "%H:%M", "nil");
    parsed("23:60", "%H:%M", "nil");
    parsed("23:59:60", "%H:%M:%S", "nil");
    parsed("2024 366", "%Y %j", "1735603200000");
    parsed("2023 366", "%Y %j", "nil");
    parsed("2023 0", "%Y %j", "nil");
    parsed("230-01-01", "%Y-%m-%d", "nil");
    parsed("2023-1-1 ", "%Y-%m-%d", "nil");
    parsed("2023-1-1", "%Y-%m-%d", "1672531200000");
    parsed("", "%Y", "nil");
    parsed("", "", "0");
    parsed("5%", "%d%%", "345600000");
}

static void zones_and_parts_of_seconds(void **state) {
    (void)state;
    parsed("1970-01-01T00:00:00+02:00", "%Y-%m-%dT%H:%M:%S%z", "-7200000");
    parsed("1970-01-01T00:00:00-0130", "%Y-%m-%dT%H:%M:%S%z", "5400000");
    parsed("00:00 +05", "%H:%M %z", "-18000000");
    parsed("00:00 +24", "%H:%M %z", "nil");
    parsed("00:00 +0260", "%H:%M %z", "nil");
    parsed("00:00 +2:00", "%H:%M %z", "nil");
    parsed("1.5", "%S.%L", "1500");
    parsed("1.05", "%S.%L", "1050");
    parsed("1.0005", "%S.%L", "nil");
    parsed("1700000000.25", "%s.%L", "1700000000250");
    parsed("-1", "%s", "-1000");
    parsed("-1.5", "%s.%L", "-1500");
    parsed("-0.5", "%s.%L", "-500");
    parsed("999999999999999", "%s", "999999999999999000");
    parsed("9999999999999999", "%s", "nil");
    parsed("x", "%",
           "dir/job.yaml:1: step: time.parse knows %Y %m %d %H %M %S %L %b %j %z %s, not '%'");
    parsed("x", "%q",
           "dir/job.yaml:1: step: time.parse knows %Y %m %d %H %M %S %L %b %j %z %s, not '%q'");
}

static void floors_go_towards_the_past(void **state) {
    (void)state;
    lua_gives("time.floor(7199999, '1h')", NULL, "3600000");
    lua_gives("time.floor(-1, '1h')", NULL, "-3600000");
    lua_gives("time.floor(-3600000, '1h')", NULL, "-3600000");
    lua_gives("time.floor(math.maxinteger, '1ms') == math.maxinteger", NULL, "true");
    lua_gives("time.floor(math.mininteger, '1d')", NULL,
              "dir/job.yaml:1: step: bad argument #1 to 'floor' (out of range)");
    lua_gives("time.floor(1, '0s')", NULL,
              "dir/job.yaml:1: step: bad argument #2 to 'floor' (a duration above 0)");
    lua_gives("time.iso(-62167219200000)", NULL, "\"0000-01-01T00:00:00Z\"");
    lua_gives("time.iso(-62167219200001)", NULL,
              "dir/job.yaml:1: step: bad argument #1 to 'iso' (beyond the years 0 to 9999)");
    lua_gives("time.iso(253402300799999)", NULL, "\"9999-12-31T23:59:59.999Z\"");
    lua_gives("time.ms('1d1ms')", NULL, "86400001");
    lua_gives("time.ms('106751991168d')", NULL,
              "dir/job.yaml:1: step: bad argument #1 to 'ms' (no duration: whole numbers of ms s m "
              "h d, as in \"1h30m\")");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_those_of_the_c_library),
        cmocka_unit_test(dates_that_are_none_are_nil),
        cmocka_unit_test(zones_and_parts_of_seconds),
        cmocka_unit_test(floors_go_towards_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
