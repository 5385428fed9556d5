/* runtime/engine/stream_writers.h - who writes a stream, as the plan says it. Thread: any. */
#pragma once

#include "topologies/plan.h"

/* The job writes the stream by its steps, or by what its sinks could not use: whoever reprocesses
 * makes these records again, and a source's end is not the stream's. What sources write does not
 * count, their errors included: their positions are kept. */
bool mr_stream_is_output(const mr_plan *plan, uint32_t stream);
