/* simdjson behind json.h. Nothing of it is seen outside of this file, no exception leaves it. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <new>

#include "simdjson.h"

extern "C" {
#include "runtime/base/json.h"
#include "runtime/base/json_place.h"
#include "runtime/base/limits.h"
}

/* assert.h says it in C's words. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __LINE__))
extern "C" [[noreturn]] void mr_assert_failed(const char *condition, const char *file, int line);

using simdjson::internal::tape_ref;
using simdjson::internal::tape_type;

struct mr_json_parser {
    simdjson::dom::parser dom;
};

namespace {

[[noreturn]] void check_failed(const char *condition, int line) {
    mr_assert_failed(condition, __FILE__, line);
}

/* A growing text costs log(n) allocations, not one for every longer record. */
constexpr size_t CAPACITY_BYTES_MIN = 4096;

/* mr_json_iter.opaque */
enum { ITER_DOCUMENT, ITER_AT, ITER_END, ITER_IS_OBJECT };

tape_ref ref_of(mr_json value) {
    return {static_cast<const simdjson::dom::document *>(value.document), value.index};
}

mr_bytes string_of(const tape_ref &ref) {
    std::string_view view = ref.get_string_view();
    return mr_bytes_of(view.data(), view.size());
}

bool is_container(tape_type type) {
    return type == tape_type::START_ARRAY || type == tape_type::START_OBJECT;
}

simdjson::error_code reserve_capacity(simdjson::dom::parser &dom, size_t len) {
    if (dom.capacity() >= len && dom.capacity() > 0) {
        return simdjson::SUCCESS;
    }
    size_t capacity = CAPACITY_BYTES_MIN;
    while (capacity < len) {
        capacity *= 2;
    }
    simdjson::error_code error = dom.allocate(capacity, dom.max_depth());
    return error != simdjson::SUCCESS ? error : dom.doc.allocate(capacity);
}

/* What simdjson lets pass and we do not: integers beyond int64, nesting beyond our limit. The tape:
 * word 0 is the root and holds its end; strings and literals take one word, numbers two. */
const char *refusal_of_tape(const simdjson::dom::document &document) {
    tape_ref root(&document, 0);
    size_t end = root.matching_brace_index();
    size_t depth = 0;
    for (size_t at = 1; at < end; at++) {
        switch (tape_ref(&document, at).tape_ref_type()) {
        case tape_type::START_ARRAY:
        case tape_type::START_OBJECT:
            if (++depth > MR_JSON_DEPTH_MAX) {
                return "nested too deeply";
            }
            break;
        case tape_type::END_ARRAY:
        case tape_type::END_OBJECT:
            depth--;
            break;
        case tape_type::UINT64:
            return "an integer beyond 64 bits signed";
        case tape_type::INT64:
        case tape_type::DOUBLE:
            at++;
            break;
        default:
            break;
        }
    }
    return nullptr;
}

mr_status refuse(mr_bytes text, const char *cause, mr_err *err) {
    if (err == nullptr) {
        return MR_INVALID;
    }
    mr_json_place place = mr_json_place_of_error(text);
    if (place.cause != nullptr) {
        return mr_err_set(err, MR_INVALID, "not JSON: %s (byte %zu)", place.cause, place.at);
    }
    return mr_err_set(err, MR_INVALID, "not JSON: %s", cause);
}

} // namespace

extern "C" mr_json_parser *mr_json_parser_create(void) {
    auto *parser = new (std::nothrow) mr_json_parser();
    CHECK(parser != nullptr);
    return parser;
}

extern "C" void mr_json_parser_destroy(mr_json_parser *parser) {
    delete parser;
}

extern "C" mr_status mr_json_parse(mr_json_parser *parser, mr_bytes text, mr_json *root_out,
                                   mr_err *err) {
    simdjson::dom::parser &dom = parser->dom;
    if (text.len == 0) {
        return refuse(mr_bytes_text(""), "no value", err);
    }
    simdjson::error_code error = reserve_capacity(dom, text.len);
    CHECK(error != simdjson::MEMALLOC);
    if (error == simdjson::SUCCESS) {
        error = dom.parse(text.data, text.len, false).error();
    }
    if (error != simdjson::SUCCESS) {
        return refuse(text, simdjson::error_message(error), err);
    }
    const char *refusal = refusal_of_tape(dom.doc);
    if (refusal != nullptr) {
        return refuse(text, refusal, err);
    }
    *root_out = mr_json{&dom.doc, 1};
    return MR_OK;
}

extern "C" mr_json_kind mr_json_kind_of(mr_json value) {
    switch (ref_of(value).tape_ref_type()) {
    case tape_type::NULL_VALUE:
        return MR_JSON_NULL;
    case tape_type::TRUE_VALUE:
    case tape_type::FALSE_VALUE:
        return MR_JSON_BOOL;
    case tape_type::INT64:
        return MR_JSON_INT;
    case tape_type::DOUBLE:
        return MR_JSON_FLOAT;
    case tape_type::STRING:
        return MR_JSON_STRING;
    case tape_type::START_ARRAY:
        return MR_JSON_ARRAY;
    case tape_type::START_OBJECT:
        return MR_JSON_OBJECT;
    default:
        check_failed("a value's type", __LINE__);
    }
}

extern "C" bool mr_json_as_bool(mr_json value) {
    tape_ref ref = ref_of(value);
    CHECK(ref.is_true() || ref.is_false());
    return ref.is_true();
}

extern "C" int64_t mr_json_as_int(mr_json value) {
    tape_ref ref = ref_of(value);
    CHECK(ref.is_int64());
    return ref.next_tape_value<int64_t>();
}

extern "C" double mr_json_as_float(mr_json value) {
    tape_ref ref = ref_of(value);
    CHECK(ref.is_double());
    return ref.next_tape_value<double>();
}

extern "C" mr_bytes mr_json_as_string(mr_json value) {
    tape_ref ref = ref_of(value);
    CHECK(ref.tape_ref_type() == tape_type::STRING);
    return string_of(ref);
}

extern "C" mr_status mr_json_field(mr_json object, mr_bytes name, mr_json *out) {
    tape_ref ref = ref_of(object);
    CHECK(ref.tape_ref_type() == tape_type::START_OBJECT);
    /* The end index of a container is the one behind its closing word. */
    size_t end = ref.matching_brace_index() - 1;
    for (size_t at = object.index + 1; at < end;) {
        tape_ref field(ref.doc, at);
        tape_ref value(ref.doc, at + 1);
        if (field.get_string_length() == name.len &&
            memcmp(field.get_c_str(), name.data, name.len) == 0) {
            *out = mr_json{object.document, at + 1};
            return MR_OK;
        }
        at = value.after_element();
    }
    return MR_NOT_FOUND;
}

extern "C" size_t mr_json_count(mr_json array_or_object) {
    tape_ref ref = ref_of(array_or_object);
    CHECK(is_container(ref.tape_ref_type()));
    constexpr uint32_t SATURATED = 0xFFFFFF;
    uint32_t count = ref.scope_count();
    if (count < SATURATED) {
        return count;
    }
    size_t counted = 0;
    mr_json_iter iter = mr_json_iterate(array_or_object);
    mr_bytes name;
    mr_json value;
    while (mr_json_iter_next(&iter, &name, &value)) {
        counted++;
    }
    return counted;
}

extern "C" mr_json_iter mr_json_iterate(mr_json array_or_object) {
    tape_ref ref = ref_of(array_or_object);
    tape_type type = ref.tape_ref_type();
    CHECK(is_container(type));
    mr_json_iter iter = {};
    iter.opaque[ITER_DOCUMENT] = reinterpret_cast<uintptr_t>(array_or_object.document);
    iter.opaque[ITER_AT] = array_or_object.index + 1;
    iter.opaque[ITER_END] = ref.matching_brace_index() - 1;
    iter.opaque[ITER_IS_OBJECT] = type == tape_type::START_OBJECT;
    return iter;
}

extern "C" bool mr_json_iter_next(mr_json_iter *iter, mr_bytes *name_out, mr_json *value_out) {
    size_t at = iter->opaque[ITER_AT];
    if (at >= iter->opaque[ITER_END]) {
        return false;
    }
    const auto *document = reinterpret_cast<const simdjson::dom::document *>(
        static_cast<uintptr_t>(iter->opaque[ITER_DOCUMENT]));
    *name_out = MR_BYTES_NULL;
    if (iter->opaque[ITER_IS_OBJECT] != 0) {
        *name_out = string_of(tape_ref(document, at));
        at++;
    }
    *value_out = mr_json{document, at};
    iter->opaque[ITER_AT] = tape_ref(document, at).after_element();
    return true;
}

/* Most texts are short and ASCII: these cost less than simdjson's choice of instructions. */
extern "C" mr_status mr_utf8_check(mr_bytes text) {
    size_t at = 0;
    uint64_t word = 0;
    for (; at + 8 <= text.len && (word & 0x8080808080808080u) == 0; at += 8) {
        memcpy(&word, text.data + at, 8);
    }
    uint8_t bits = (word & 0x8080808080808080u) != 0 ? 0x80 : 0;
    for (; at < text.len && bits < 0x80; at++) {
        bits |= text.data[at];
    }
    if (bits < 0x80) {
        return MR_OK;
    }
    bool valid = simdjson::validate_utf8(reinterpret_cast<const char *>(text.data), text.len);
    return valid ? MR_OK : MR_INVALID;
}
