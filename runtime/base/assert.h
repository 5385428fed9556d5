/* runtime/base/assert.h - asserts of what must hold; they stay on in release.
 * Never on outside bytes: those return MR_INVALID or MR_CORRUPT. */
#pragma once

#define MR_ASSERT(condition)                                                                       \
    ((condition) ? (void)0 : mr_assert_failed(#condition, __FILE__, __LINE__))
#ifdef MR_ASSERT_SLOW_ON
#define MR_ASSERT_SLOW(condition) MR_ASSERT(condition)
#else
#define MR_ASSERT_SLOW(condition) ((void)sizeof(condition))
#endif
#define MR_UNREACHABLE() mr_assert_failed("unreachable", __FILE__, __LINE__)

/* Prints the condition with its place and aborts the process. */
_Noreturn void mr_assert_failed(const char *condition, const char *file, int line);
