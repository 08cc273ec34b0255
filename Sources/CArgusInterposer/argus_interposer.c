#define _GNU_SOURCE
#include "argus_interposer.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static argus_before_call before_call;
static argus_after_call after_call;
static atomic_bool is_intercepting;
static _Thread_local bool is_inside;
static _Thread_local char pretended_boot_id[37];

void argus_intercept(argus_before_call before, argus_after_call after) {
    before_call = before;
    after_call = after;
}

void argus_set_intercepting(bool is_on) { atomic_store(&is_intercepting, is_on); }

void argus_pretend_boot_id(const char *boot_id) {
    memset(pretended_boot_id, 0, sizeof pretended_boot_id);
    if (boot_id != NULL) strncpy(pretended_boot_id, boot_id, sizeof pretended_boot_id - 1);
}

// The C library's own function of that name.
#define REAL(name) ((__typeof__(&name))real_function(#name))

static void *real_function(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) __builtin_trap();
    return found;
}

#define CACHED(name)                                                                                                   \
    static __typeof__(&name) real = NULL;                                                                              \
    if (real == NULL) real = REAL(name)

// Asks; true: the call is to be made. `tells` says whether its result is to be told.
static bool ask(const struct argus_call *call, struct argus_verdict *verdict, bool *tells) {
    *verdict = (struct argus_verdict){.error = 0, .count_max = UINT64_MAX};
    *tells = false;
    if (!atomic_load_explicit(&is_intercepting, memory_order_acquire) || is_inside) return true;
    is_inside = true;
    *tells = before_call(call, verdict);
    is_inside = false;
    if (verdict->error == 0) return true;
    errno = verdict->error;
    return false;
}

static void tell(const struct argus_call *call, int64_t result) {
    int cause = errno;
    is_inside = true;
    after_call(call, result);
    is_inside = false;
    errno = cause;
}

// Makes `made` where the observer lets it, tells its result, and returns it.
#define CALL(call, made)                                                                                               \
    struct argus_verdict verdict;                                                                                      \
    bool tells;                                                                                                        \
    if (!ask(&call, &verdict, &tells)) return -1;                                                                      \
    __typeof__(made) result = made;                                                                                    \
    if (tells) tell(&call, (int64_t)result);                                                                           \
    return result

static size_t least(size_t count, const struct argus_verdict *verdict) {
    return count < verdict->count_max ? count : (size_t)verdict->count_max;
}

// MARK: Opening

static int pretend(const char *path) {
    size_t length = strlen(path);
    if (pretended_boot_id[0] == 0 || length < 7 || strcmp(path + length - 7, "boot_id") != 0) return -1;
    int file = memfd_create("boot_id", MFD_CLOEXEC);
    if (file < 0) return -1;
    if (write(file, pretended_boot_id, 36) != 36 || lseek(file, 0, SEEK_SET) != 0) return -1;
    return file;
}

static int open_at(int directory, const char *path, int flags, mode_t mode) {
    CACHED(openat);
    int pretended = pretend(path);
    if (pretended >= 0) return pretended;
    struct argus_call call = {.kind = argus_call_open, .descriptor = directory, .name = path, .flags = flags};
    CALL(call, real(directory, path, flags, mode));
}

static mode_t mode_of(int flags, va_list arguments) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

int openat(int directory, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_at(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_at(directory, path, flags | O_LARGEFILE, mode);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

// openat2(2) has no function of its own.
long syscall(long number, ...) {
    CACHED(syscall);
    va_list arguments;
    va_start(arguments, number);
    long a[6];
    for (int index = 0; index < 6; index++) a[index] = va_arg(arguments, long);
    va_end(arguments);
    if (number != SYS_openat2) return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    const struct open_how *how = (const struct open_how *)a[2];
    struct argus_call call = {
        .kind = argus_call_open, .descriptor = (int)a[0], .name = (const char *)a[1], .flags = (int)how->flags};
    CALL(call, real(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

// MARK: Content

static ssize_t read_at(int file, void *bytes, size_t count, off_t offset) {
    CACHED(pread);
    struct argus_call call = {
        .kind = argus_call_read, .descriptor = file, .offset = (uint64_t)offset, .count = count};
    CALL(call, real(file, bytes, least(count, &verdict), offset));
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) { return read_at(file, bytes, count, offset); }
ssize_t pread64(int file, void *bytes, size_t count, off_t offset) { return read_at(file, bytes, count, offset); }

static ssize_t write_at(int file, const void *bytes, size_t count, off_t offset) {
    CACHED(pwrite);
    struct argus_call call = {.kind = argus_call_write,
        .descriptor = file,
        .bytes = bytes,
        .offset = (uint64_t)offset,
        .count = count};
    CALL(call, real(file, bytes, least(count, &verdict), offset));
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) { return write_at(file, bytes, count, offset); }
ssize_t pwrite64(int file, const void *bytes, size_t count, off_t offset) {
    return write_at(file, bytes, count, offset);
}

ssize_t write(int file, const void *bytes, size_t count) {
    CACHED(write);
    struct argus_call call = {.kind = argus_call_write, .descriptor = file, .bytes = bytes, .count = count};
    if (atomic_load_explicit(&is_intercepting, memory_order_acquire) && !is_inside) {
        off_t offset = lseek(file, 0, SEEK_CUR);
        // A pipe or terminal is no disk.
        if (offset < 0) return real(file, bytes, count);
        call.offset = (uint64_t)offset;
    }
    CALL(call, real(file, bytes, least(count, &verdict)));
}

static int truncate_to(int file, off_t size) {
    CACHED(ftruncate);
    struct argus_call call = {.kind = argus_call_truncate, .descriptor = file, .count = (uint64_t)size};
    CALL(call, real(file, size));
}

int ftruncate(int file, off_t size) { return truncate_to(file, size); }
int ftruncate64(int file, off_t size) { return truncate_to(file, size); }

static int allocate(int file, int mode, off_t offset, off_t count) {
    CACHED(fallocate);
    struct argus_call call = {
        .kind = (mode & FALLOC_FL_PUNCH_HOLE) ? argus_call_punch_hole : argus_call_allocate,
        .descriptor = file,
        .flags = mode,
        .offset = (uint64_t)offset,
        .count = (uint64_t)count,
    };
    CALL(call, real(file, mode, offset, count));
}

int fallocate(int file, int mode, off_t offset, off_t count) { return allocate(file, mode, offset, count); }
int fallocate64(int file, int mode, off_t offset, off_t count) { return allocate(file, mode, offset, count); }

// posix_fallocate(3) returns its error.
static int allocate_surely(int file, off_t offset, off_t count) {
    if (allocate(file, 0, offset, count) == 0) return 0;
    if (errno != EOPNOTSUPP) return errno;
    CACHED(posix_fallocate);
    return real(file, offset, count);
}

int posix_fallocate(int file, off_t offset, off_t count) { return allocate_surely(file, offset, count); }
int posix_fallocate64(int file, off_t offset, off_t count) { return allocate_surely(file, offset, count); }

// MARK: Durability

int fsync(int file) {
    CACHED(fsync);
    struct argus_call call = {.kind = argus_call_sync_file, .descriptor = file};
    CALL(call, real(file));
}

int fdatasync(int file) {
    CACHED(fdatasync);
    struct argus_call call = {.kind = argus_call_sync_file, .descriptor = file};
    CALL(call, real(file));
}

int syncfs(int file) {
    CACHED(syncfs);
    struct argus_call call = {.kind = argus_call_sync_filesystem, .descriptor = file};
    CALL(call, real(file));
}

// MARK: Names

int renameat(int directory, const char *name, int new_directory, const char *new_name) {
    CACHED(renameat);
    struct argus_call call = {
        .kind = argus_call_rename, .descriptor = directory, .name = name, .new_name = new_name, .flags = new_directory};
    CALL(call, real(directory, name, new_directory, new_name));
}

int unlinkat(int directory, const char *name, int flags) {
    CACHED(unlinkat);
    struct argus_call call = {.kind = argus_call_remove, .descriptor = directory, .name = name, .flags = flags};
    CALL(call, real(directory, name, flags));
}

int mkdirat(int directory, const char *name, mode_t mode) {
    CACHED(mkdirat);
    struct argus_call call = {.kind = argus_call_make_directory, .descriptor = directory, .name = name};
    CALL(call, real(directory, name, mode));
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

// MARK: Mappings

static void *map(void *address, size_t count, int protection, int flags, int file, off_t offset) {
    CACHED(mmap);
    bool is_shown = file >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE)
        && atomic_load_explicit(&is_intercepting, memory_order_acquire) && !is_inside;
    if (!is_shown) return real(address, count, protection, flags, file, offset);
    struct argus_call call = {
        .kind = argus_call_map, .descriptor = file, .offset = (uint64_t)offset, .count = (uint64_t)count};
    struct argus_verdict verdict;
    bool tells;
    if (!ask(&call, &verdict, &tells)) return MAP_FAILED;
    call.address = real(address, count, protection, flags, file, offset);
    if (tells) tell(&call, call.address == MAP_FAILED ? -1 : 0);
    return call.address;
}

void *mmap(void *address, size_t count, int protection, int flags, int file, off_t offset) {
    return map(address, count, protection, flags, file, offset);
}

void *mmap64(void *address, size_t count, int protection, int flags, int file, off_t offset) {
    return map(address, count, protection, flags, file, offset);
}

int munmap(void *address, size_t count) {
    CACHED(munmap);
    struct argus_call call = {.kind = argus_call_unmap, .descriptor = -1, .address = address, .count = count};
    CALL(call, real(address, count));
}
