#define _GNU_SOURCE
#include "fuse_calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static _Thread_local char last_message[512];

void argus_fuse_keep_message(unsigned level, const char *format, va_list arguments) {
    (void)level;
    vsnprintf(last_message, sizeof last_message, format, arguments);
    last_message[strcspn(last_message, "\n")] = 0;
}

const char *argus_fuse_last_message(void) { return last_message; }

void argus_fuse_forget_message(void) { last_message[0] = 0; }

int argus_fuse_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int argus_fuse_duplicate_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -1;
    return fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

void *argus_fuse_map_buffer(size_t count) {
    void *buffer = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED) return NULL;
    // A kernel without MADV_DONTDUMP still serves: the process forbids core dumps as a whole.
    madvise(buffer, count, MADV_DONTDUMP);
    return buffer;
}

void argus_fuse_unmap_buffer(void *buffer, size_t count) {
    explicit_bzero(buffer, count);
    munmap(buffer, count);
}
