#pragma once

/// Calls of malloc(3) and its relatives that the calling thread made so far, in the whole process: linked into a
/// program, this target's functions take the place of the C library's. For tests.
unsigned long argus_allocations_of_thread(void);
