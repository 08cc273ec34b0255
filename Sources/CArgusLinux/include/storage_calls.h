#pragma once

#include <sys/types.h>

/// Whether openat2(2) works below this directory: Linux 5.6 has it, and sandboxes sometimes forbid it.
int argus_can_open_beneath(int directory);

/// Opens `path` below `directory` without following a symbolic link or crossing a mount anywhere (openat2(2)).
/// O_CLOEXEC and O_NOFOLLOW are always set. A descriptor, or -1 with errno.
int argus_open_beneath(int directory, const char *_Nonnull path, int flags, unsigned mode);

/// The same without waiting for storage: EAGAIN where the place is not in the kernel's memory (RESOLVE_CACHED,
/// Linux 5.12; older kernels: EINVAL).
int argus_open_beneath_cached(int directory, const char *_Nonnull path, int flags, unsigned mode);

/// The same for kernels without openat2(2), by one openat(2) a component; it does not notice a mount on the way.
int argus_open_beneath_in_steps(int directory, const char *_Nonnull path, int flags, unsigned mode);

/// O_PATH: a descriptor that names a place without opening what lies there.
extern const int argus_place_flag;

/// Allocates blocks for bytes 0 to `count` of a file, and grows it to hold them (fallocate(2)). 0, or -1 with errno.
int argus_allocate(int file, long long count);

/// Frees the blocks of a range, which then reads as zeros; the size stays (fallocate(2)). 0, or -1 with errno.
int argus_punch_hole(int file, long long offset, long long count);

/// Makes a range read as zeros without freeing its blocks; the size stays (fallocate(2)). 0, or -1 with errno.
int argus_zero_range(int file, long long offset, long long count);

/// Writes back everything on the filesystem of an open file (syncfs(2)). 0, or -1 with errno.
int argus_sync_filesystem(int descriptor);

/// Reads what is in the page cache (preadv2(2), RWF_NOWAIT). -1 with EAGAIN where storage would be waited for.
ssize_t argus_read_cached(int file, void *_Nonnull buffer, size_t count, off_t offset);

/// How many pages of a range the page cache holds (cachestat(2), Linux 6.5), or -1 with errno.
long long argus_cached_pages(int file, long long offset, long long count);

/// Opens the same file again for reads that pass the page cache by (open(2), O_DIRECT). A descriptor, or -1 with errno.
int argus_reopen_direct(int file);

/// Sets the immutable attribute of an open file or directory (ioctl_iflags(2)). 0, or -1 with errno.
int argus_set_immutable(int descriptor);
