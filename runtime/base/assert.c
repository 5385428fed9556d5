#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void mr_assert_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "millrace: %s:%d: this must hold and does not: %s\n", file, line, condition);
    fflush(stderr);
    abort();
}
