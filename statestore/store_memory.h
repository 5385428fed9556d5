/* statestore/store_memory.h - a store that forgets everything at close (--state memory, TSan,
 * tests). Its persisted position is always "none", so that a restart replays the whole changelog.
 */
#pragma once

#include "statestore/store.h"

mr_store_factory mr_store_memory_factory(void);
