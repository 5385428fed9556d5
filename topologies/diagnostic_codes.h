/* topologies/diagnostic_codes.h - every code a check can print. Codes are stable and never reused;
 * they are written as text ("E203") where they are reported. E4xx belongs to code in the job's
 * language. */
#pragma once

/* X(code, summary) */
#define MR_DIAGNOSTIC_MAP(X)                                                                       \
    X(E101, "the text is not YAML")                                                                \
    X(E102, "the file is empty, too large, too deep or has several documents")                     \
    X(E103, "a tag, a merge key or an alias that cannot be followed")                              \
    X(E104, "a key stands twice in one mapping")                                                   \
    X(E105, "a text, list or mapping stands where another is wanted")                              \
    X(E201, "a key that must be there is missing")                                                 \
    X(E203, "an unknown key")                                                                      \
    X(E204, "known to the language, but not executed by this version")                             \
    X(E205, "not a name")                                                                          \
    X(E206, "the name is taken")                                                                   \
    X(E207, "an unknown name")                                                                     \
    X(E208, "a value out of its range or choice")                                                  \
    X(E209, "a ${} that cannot be put in")                                                         \
    X(E210, "a step is one operator key")                                                          \
    X(E211, "not a format or type")                                                                \
    X(E212, "not a leaf of `fields`")                                                              \
    X(E301, "a pipeline without end")                                                              \
    X(E302, "pipelines that read each other in a circle")                                          \
    X(E303, "a circle through topics")                                                             \
    X(E304, "replacing results would be counted twice")                                            \
    X(E305, "merged inputs differ in key format")                                                  \
    X(E306, "a topic differs from what the job says")                                              \
    X(E307, "two streams name one topic")                                                          \
    X(E400, "an empty text where code is wanted")                                                  \
    X(E401, "a text that Lua does not accept")                                                     \
    X(E402, "an unknown name in code")                                                             \
    X(E403, "a name of the language that this version does not execute")                           \
    X(E404, "a name of Lua that jobs do not have")                                                 \
    X(E405, "a body that can end without return")                                                  \
    X(E406, "code that changes what outlives its call, or what is read-only")                      \
    X(E407, "a slip of another language")                                                          \
    X(E408, "a comment in text that YAML folded")                                                  \
    X(E409, "window without a windowed step")                                                      \
    X(E410, "`functions` that fail when they are loaded")                                          \
    X(E411, "a function named like a word of the language")                                        \
    X(E501, "a connector that this program does not have")                                         \
    X(E502, "a setting of a connector is missing or wrong")                                        \
    X(W101, "a name that nothing uses")                                                            \
    X(W102, "the result depends on an order that may differ between runs")                         \
    X(W103, "a time that the following step cannot trust")                                         \
    X(W104, "pipelines differ in what they do with records that cannot be decoded")
