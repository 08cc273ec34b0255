#define _GNU_SOURCE
#include "system_memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

void argus_system_wipe(void *bytes, size_t count) {
    explicit_bzero(bytes, count);
}

bool argus_system_equal_in_constant_time(const void *left, const void *right, size_t count) {
    const volatile uint8_t *a = left;
    const volatile uint8_t *b = right;
    volatile uint8_t difference = 0;
    for (size_t index = 0; index < count; index++) {
        difference |= a[index] ^ b[index];
    }
    return difference == 0;
}

int argus_system_random(void *bytes, size_t count) {
    uint8_t *next = bytes;
    while (count > 0) {
        ssize_t filled = getrandom(next, count, 0);
        if (filled < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        next += filled;
        count -= (size_t)filled;
    }
    return 0;
}

void *argus_system_map_guarded(size_t count, bool *isLocked) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *reservation = mmap(NULL, count + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reservation == MAP_FAILED) {
        return NULL;
    }
    uint8_t *bytes = reservation + page;
    // Without these two, secrets could reach a core file or a child: refuse the memory rather than lend it.
    if (mprotect(bytes, count, PROT_READ | PROT_WRITE) != 0 || madvise(bytes, count, MADV_DONTDUMP) != 0
        || madvise(bytes, count, MADV_WIPEONFORK) != 0) {
        int cause = errno;
        munmap(reservation, count + 2 * page);
        errno = cause;
        return NULL;
    }
    *isLocked = mlock(bytes, count) == 0;
    return bytes;
}

void argus_system_unmap_guarded(void *bytes, size_t count) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap((uint8_t *)bytes - page, count + 2 * page);
}
