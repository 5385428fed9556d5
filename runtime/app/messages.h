/* runtime/app/messages.h - text for people on stderr; data goes to stdout and not through here.
 * Thread: any; a message is one write. */
#pragma once

#include "runtime/base/bytes.h"

/* "millrace: ...\n" */
void mr_say(const char *format, ...) MR_PRINTF(1, 2);
/* As it is, nothing put before or behind. */
void mr_say_text(mr_bytes text);
