#pragma once

#include <stdbool.h>
#include <stddef.h>

/// Zeroes `count` bytes in a way that the compiler may not leave out (explicit_bzero(3)).
void argus_system_wipe(void *_Nonnull bytes, size_t count);

/// Whether two buffers of `count` bytes are equal, in a time that depends on `count` alone.
bool argus_system_equal_in_constant_time(const void *_Nonnull left, const void *_Nonnull right, size_t count);

/// Fills the buffer from the kernel's generator (getrandom(2)), waiting until it is seeded. 0, or an errno.
int argus_system_random(void *_Nonnull bytes, size_t count);

/// Maps `count` bytes (a multiple of the page size) of private memory between two pages that fault on any access,
/// left out of core dumps and read as zeros in a forked child. Null with errno set where the kernel has no memory.
/// `*isLocked` tells whether it is also kept out of swap: mlock(2) fails past RLIMIT_MEMLOCK.
void *_Nullable argus_system_map_guarded(size_t count, bool *_Nonnull isLocked);

/// Unmaps what `argus_system_map_guarded` returned for the same `count`, with its guard pages.
void argus_system_unmap_guarded(void *_Nonnull bytes, size_t count);
