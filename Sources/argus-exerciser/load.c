// What several processes, or many calls on one file, must find on any file system. Each mode checks itself, and says on
// standard error what it found wrong.
#define _GNU_SOURCE
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;

static uint64_t number(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? state % below : 0;
}

static int fail(const char *what, long long where) {
    fprintf(stderr, "%s (%lld): %s\n", what, where, strerror(errno));
    return 1;
}

// MARK: One file, all calls

enum { FILE_BYTES = 3 << 20, STEP_BYTES = 200000 };

/// The first byte that differs, or -1.
static long long difference(const char *left, const char *right, size_t count) {
    for (size_t index = 0; index < count; index++)
        if (left[index] != right[index]) return (long long)index;
    return -1;
}

/// Calls of every kind on one file, with a copy of what it must hold in memory.
int exercise_file(const char *path, uint64_t seed, long steps) {
    char *shadow = calloc(1, FILE_BYTES), *buffer = NULL;
    if (posix_memalign((void **)&buffer, 4096, FILE_BYTES) != 0) return fail("posix_memalign", 0);
    size_t size = 0;
    state = seed * 2654435761u + 1;
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return fail("open", 0);
    static const char *names[] = {"read", "write", "append", "map", "map-write", "truncate", "punch", "zero", "allocate",
        "copy", "direct-read", "direct-write", "sync", "reopen", "drop"};
    char log[32][96];
    for (long step = 0; step < steps; step++) {
        unsigned kind = (unsigned)number(15);
        // The file is small at first, so that its end is met often.
        size_t limit = step % 97 < 40 ? 70000 : FILE_BYTES;
        size_t offset = (size_t)number(limit), count = (size_t)number(number(3) ? 9000 : STEP_BYTES) + 1;
        if (number(3) == 0) offset &= ~(size_t)4095;
        if (number(4) == 0) count = (count + 4095) & ~(size_t)4095;
        if (offset + count > FILE_BYTES) count = FILE_BYTES - offset;
        snprintf(log[step % 32], sizeof log[0], "%ld %s at %zu count %zu size %zu", step, names[kind], offset, count, size);
        bool is_direct = kind == 10 || kind == 11;
        if (is_direct) {
            offset &= ~(size_t)4095;
            count = (count + 4095) & ~(size_t)4095;
            if (offset + count > FILE_BYTES) continue;
        }
        const char *wrong = NULL;
        size_t readable = offset < size ? (count < size - offset ? count : size - offset) : 0;
        switch (kind) {
        case 0:
        case 10: {
            if (is_direct) fcntl(file, F_SETFL, O_DIRECT);
            ssize_t got = pread(file, buffer, count, (off_t)offset);
            if (is_direct) fcntl(file, F_SETFL, 0);
            if (got != (ssize_t)readable) wrong = "the count read";
            else if (difference(buffer, shadow + offset, readable) >= 0) wrong = "the content read";
            break;
        }
        case 1:
        case 11: {
            for (size_t index = 0; index < count; index++) buffer[index] = (char)(step * 31 + (long)index * 7);
            if (is_direct) fcntl(file, F_SETFL, O_DIRECT);
            ssize_t put = pwrite(file, buffer, count, (off_t)offset);
            if (is_direct) fcntl(file, F_SETFL, 0);
            if (put != (ssize_t)count) wrong = "the count written";
            memcpy(shadow + offset, buffer, count);
            if (offset + count > size) size = offset + count;
            break;
        }
        case 2: {
            if (size + count > FILE_BYTES) continue;
            memset(buffer, (int)(step % 251) + 1, count);
            fcntl(file, F_SETFL, O_APPEND);
            ssize_t put = write(file, buffer, count);
            fcntl(file, F_SETFL, 0);
            if (put != (ssize_t)count) wrong = "the count appended";
            memcpy(shadow + size, buffer, count);
            size += count;
            break;
        }
        case 3:
        case 4: {
            if (readable == 0) continue;
            size_t lead = offset & 4095;
            char *map = mmap(NULL, lead + readable, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)(offset - lead));
            if (map == MAP_FAILED) { wrong = "the mapping"; break; }
            if (difference(map + lead, shadow + offset, readable) >= 0) wrong = "the content mapped";
            if (kind == 4) {
                for (size_t index = 0; index < readable; index++) map[lead + index] = (char)(step * 13 + (long)index * 5);
                memcpy(shadow + offset, map + lead, readable);
            }
            munmap(map, lead + readable);
            break;
        }
        case 5: {
            size_t target = (size_t)number(limit);
            if (ftruncate(file, (off_t)target) < 0) wrong = "truncating";
            if (target < size) memset(shadow + target, 0, size - target);
            size = target;
            break;
        }
        case 6:
            if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)count) < 0)
                wrong = "punching";
            if (readable) memset(shadow + offset, 0, readable);
            break;
        case 7: {
            bool keeps = number(2);
            if (fallocate(file, FALLOC_FL_ZERO_RANGE | (keeps ? FALLOC_FL_KEEP_SIZE : 0), (off_t)offset, (off_t)count) < 0)
                wrong = "zeroing";
            if (readable) memset(shadow + offset, 0, readable);
            if (!keeps && offset + count > size) size = offset + count;
            break;
        }
        case 8: {
            bool keeps = number(2);
            if (fallocate(file, keeps ? FALLOC_FL_KEEP_SIZE : 0, (off_t)offset, (off_t)count) < 0) wrong = "allocating";
            if (!keeps && offset + count > size) size = offset + count;
            break;
        }
        case 9: {
            off_t from = (off_t)offset, to = (off_t)number(limit);
            size_t length = readable;
            if ((size_t)to + length > FILE_BYTES) length = FILE_BYTES - (size_t)to;
            size_t apart = (size_t)(to > from ? to - from : from - to);
            if (length == 0 || apart < length) continue;
            off_t end = to + (off_t)length;
            memcpy(buffer, shadow + from, length);
            size_t left = length;
            while (left > 0) {
                ssize_t done = copy_file_range(file, &from, file, &to, left, 0);
                if (done <= 0) { wrong = "copying"; break; }
                left -= (size_t)done;
            }
            memcpy(shadow + end - (off_t)length, buffer, length);
            if ((size_t)end > size) size = (size_t)end;
            break;
        }
        case 12:
            if (fsync(file) < 0) wrong = "syncing";
            break;
        case 13:
            close(file);
            file = open(path, O_RDWR | O_CLOEXEC);
            if (file < 0) wrong = "opening again";
            break;
        case 14:
            posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
            break;
        }
        struct stat status;
        if (!wrong && (fstat(file, &status) < 0 || status.st_size != (off_t)size)) wrong = "the size";
        if (!wrong && step % 50 == 49) {
            ssize_t got = pread(file, buffer, FILE_BYTES, 0);
            if (got != (ssize_t)size || difference(buffer, shadow, size) >= 0) wrong = "the whole content";
        }
        if (wrong) {
            fprintf(stderr, "seed %llu step %ld: %s is wrong (%s); before it:\n", (unsigned long long)seed, step, wrong, strerror(errno));
            for (long index = step > 31 ? step - 31 : 0; index <= step; index++) fprintf(stderr, "  %s\n", log[index % 32]);
            return 1;
        }
    }
    close(file);
    free(shadow);
    free(buffer);
    return 0;
}

// MARK: Many processes

/// Runs `body` in that many processes, and counts those that did not end with 0.
static int in_processes(int count, int (*body)(int, void *), void *context) {
    int failures = 0;
    for (int index = 0; index < count; index++) {
        pid_t pid = fork();
        if (pid == 0) _exit(body(index, context));
        if (pid < 0) failures++;
    }
    int status;
    while (wait(&status) > 0)
        if (status != 0) failures++;
    return failures;
}

struct job {
    const char *path;
    long rounds;
    int kind;
};

enum { RECORD_BYTES = 512 };

static int append_records(int writer, void *context) {
    struct job *job = context;
    int file = open(job->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return fail("open", writer);
    for (long round = 0; round < job->rounds; round++) {
        char record[RECORD_BYTES];
        memset(record, 'a' + writer, sizeof record);
        int length = snprintf(record, sizeof record, "%d %ld ", writer, round);
        record[length] = 'a' + (char)writer;
        record[RECORD_BYTES - 1] = '\n';
        if (write(file, record, sizeof record) != (ssize_t)sizeof record) return fail("write", round);
    }
    return close(file) < 0 ? fail("close", writer) : 0;
}

/// Appended records lie in the file whole, each once, those of a writer in its order.
int exercise_appends(const char *path, int writers, long rounds) {
    struct job job = {.path = path, .rounds = rounds};
    if (in_processes(writers, append_records, &job) != 0) return 1;
    FILE *file = fopen(path, "r");
    char line[RECORD_BYTES + 1];
    long next[64] = {0}, count = 0;
    while (fgets(line, sizeof line, file)) {
        int writer = -1;
        long round = -1;
        if (strlen(line) != RECORD_BYTES || sscanf(line, "%d %ld", &writer, &round) != 2 || writer < 0 || writer >= writers
            || next[writer]++ != round || line[RECORD_BYTES - 2] != 'a' + writer)
            return fail("a record is torn or out of order", count);
        count++;
    }
    fclose(file);
    return count == writers * rounds ? 0 : fail("records are missing", count);
}

static int count_up(int writer, void *context) {
    struct job *job = context;
    int file = open(job->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return fail("open", writer);
    for (long round = 0; round < job->rounds; round++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int command = job->kind == 1 ? F_SETLKW : F_OFD_SETLKW;
        if (job->kind == 0 ? flock(file, LOCK_EX) : fcntl(file, command, &lock)) return fail("lock", round);
        long value = 0;
        if (pread(file, &value, sizeof value, 0) < 0) return fail("read", round);
        value++;
        if (pwrite(file, &value, sizeof value, 0) != sizeof value) return fail("write", round);
        lock.l_type = F_UNLCK;
        if (job->kind == 0 ? flock(file, LOCK_UN) : fcntl(file, command, &lock)) return fail("unlock", round);
    }
    return 0;
}

/// A counter that processes raise under a lock: of flock(2) (0), of the process (1), of the open file description (2).
int exercise_locks(const char *path, int writers, long rounds, int kind) {
    struct job job = {.path = path, .rounds = rounds, .kind = kind};
    if (in_processes(writers, count_up, &job) != 0) return 1;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    long value = 0;
    if (read(file, &value, sizeof value) != sizeof value || value != writers * rounds)
        return fail("the counter is wrong", value);
    return 0;
}

static int churn_names(int writer, void *context) {
    struct job *job = context;
    int directory = open(job->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (long round = 0; round < job->rounds; round++) {
        char name[64], other[64];
        snprintf(name, sizeof name, "churn-%d-%ld", writer, round % 97);
        snprintf(other, sizeof other, "moved-%d-%ld", writer, round % 89);
        int file = openat(directory, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (file < 0) return fail("create", round);
        close(file);
        if (renameat(directory, name, directory, other) < 0) return fail("rename", round);
        if (round % 3 == 0 && unlinkat(directory, other, 0) < 0) return fail("unlink", round);
    }
    return 0;
}

/// While names come, move and go, every listing shows each name that stays, exactly once.
int exercise_listing(const char *path, long count, long rounds) {
    if (mkdir(path, 0700) < 0) return fail("mkdir", 0);
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (long index = 0; index < count; index++) {
        char name[64];
        snprintf(name, sizeof name, "stays-%ld", index);
        if (mknodat(descriptor, name, S_IFREG | 0600, 0) < 0) return fail("mknod", index);
    }
    pid_t churners[2];
    for (int index = 0; index < 2; index++) {
        churners[index] = fork();
        if (churners[index] == 0) {
            struct job job = {.path = path, .rounds = 1 << 30};
            _exit(churn_names(index, &job));
        }
    }
    int failure = 0;
    unsigned char *seen = malloc((size_t)count);
    for (long round = 0; round < rounds && !failure; round++) {
        memset(seen, 0, (size_t)count);
        DIR *directory = opendir(path);
        struct dirent *entry;
        long index;
        errno = 0;
        while ((entry = readdir(directory)))
            if (sscanf(entry->d_name, "stays-%ld", &index) == 1 && index >= 0 && index < count && seen[index]++)
                failure = fail("a name is listed twice", index);
        if (errno) failure = fail("readdir", round);
        closedir(directory);
        for (index = 0; index < count && !failure; index++)
            if (!seen[index]) failure = fail("a name is not listed", index);
    }
    free(seen);
    for (int index = 0; index < 2; index++) {
        int status;
        // One that ended by itself found something wrong.
        if (waitpid(churners[index], &status, WNOHANG) != 0) failure = fail("changing names failed", index);
        else {
            kill(churners[index], SIGKILL);
            waitpid(churners[index], &status, 0);
        }
    }
    return failure;
}
