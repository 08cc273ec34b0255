#define _GNU_SOURCE
#include "storage_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int open_beneath(int directory, const char *path, int flags, unsigned mode, unsigned long long resolve) {
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        .mode = (flags & O_CREAT) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | resolve,
    };
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int argus_open_beneath(int directory, const char *path, int flags, unsigned mode) {
    return open_beneath(directory, path, flags, mode, 0);
}

int argus_open_beneath_cached(int directory, const char *path, int flags, unsigned mode) {
    return open_beneath(directory, path, flags, mode, RESOLVE_CACHED);
}

int argus_can_open_beneath(int directory) {
    int opened = argus_open_beneath(directory, ".", O_PATH | O_DIRECTORY, 0);
    if (opened >= 0) close(opened);
    return opened >= 0;
}

int argus_open_beneath_in_steps(int directory, const char *path, int flags, unsigned mode) {
    char name[256];
    int at = directory;
    const char *slash;
    while ((slash = strchr(path, '/')) != NULL) {
        size_t length = (size_t)(slash - path);
        int next = -1;
        errno = EINVAL;
        if (length > 0 && length < sizeof name && memchr(path, '.', length) != path) {
            memcpy(name, path, length);
            name[length] = 0;
            next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        int cause = errno;
        if (at != directory) close(at);
        if (next < 0) {
            errno = cause;
            return -1;
        }
        at = next;
        path = slash + 1;
    }
    int opened = openat(at, path, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    int cause = errno;
    if (at != directory) close(at);
    errno = cause;
    return opened;
}

const int argus_place_flag = O_PATH;

int argus_allocate(int file, long long count) { return fallocate(file, 0, 0, count); }

int argus_punch_hole(int file, long long offset, long long count) {
    return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
}

int argus_zero_range(int file, long long offset, long long count) {
    return fallocate(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, count);
}

int argus_sync_filesystem(int descriptor) { return syncfs(descriptor); }

ssize_t argus_read_cached(int file, void *buffer, size_t count, off_t offset) {
    struct iovec part = {.iov_base = buffer, .iov_len = count};
    return preadv2(file, &part, 1, offset, RWF_NOWAIT);
}

long long argus_cached_pages(int file, long long offset, long long count) {
    // Debian 12 has no header for it yet: struct cachestat_range and struct cachestat of linux/mman.h.
    struct { uint64_t offset, length; } range = {(uint64_t)offset, (uint64_t)count};
    struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } answer;
    const long cachestat_number = 451;
    long status = syscall(cachestat_number, file, &range, &answer, 0);
    return status < 0 ? -1 : (long long)answer.cached;
}

int argus_reopen_direct(int file) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
}

int argus_set_immutable(int descriptor)
{
    int flags = 0;
    if (ioctl(descriptor, FS_IOC_GETFLAGS, &flags) != 0)
        return -1;
    flags |= FS_IMMUTABLE_FL;
    return ioctl(descriptor, FS_IOC_SETFLAGS, &flags);
}
