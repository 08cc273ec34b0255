// Makes the same system calls in several directory trees and says what came of each, for tests that compare file systems.
//
//     argus-exerciser UID GID GROUPS TREE…      GROUPS: numbers separated by commas, or `-`
//     argus-exerciser file|appends|locks|listing PATH NUMBER…      see load.c
//
// Each line of standard input is one operation: words separated by blanks, names in hexadecimal so that they may hold any
// byte, relative to the tree. For each line one line comes back, with the result in every tree, separated by tabs: a
// negative errno, or what the call returned, then the traces that it left: which times of the named file and of the
// directory around it have changed. Descriptors are kept in numbered slots, each tree with its own.
#define _GNU_SOURCE
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT (1 << 2)
#endif

enum { SLOTS = 16, TREES = 4, WORDS = 12, BUFFER = 1 << 20 };

struct tree {
    int root;
    int slots[SLOTS];
};

static struct tree trees[TREES];
static int tree_count;
static char bytes[BUFFER];
static char output[1 << 16];
static size_t output_length;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#include <stdarg.h>
static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(output + output_length, sizeof output - output_length, format, arguments);
    va_end(arguments);
    if (count > 0 && output_length + (size_t)count < sizeof output) output_length += (size_t)count;
}

/// A name or value as bytes with a NUL behind; `.` stands for an empty one.
static size_t decode(const char *word, char *target, size_t room) {
    size_t count = 0;
    if (strcmp(word, ".") != 0) {
        for (; word[0] && word[1] && count + 1 < room; word += 2) {
            unsigned byte;
            if (sscanf(word, "%2x", &byte) != 1) break;
            target[count++] = (char)byte;
        }
    }
    target[count] = 0;
    return count;
}

static void fill(char *target, size_t count, uint64_t seed) {
    for (size_t index = 0; index < count; index++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        target[index] = (char)(seed >> 56);
    }
}

static uint64_t digest(const char *source, size_t count) {
    uint64_t hash = 14695981039346656037u;
    for (size_t index = 0; index < count; index++) hash = (hash ^ (uint8_t)source[index]) * 1099511628211u;
    return hash;
}

static void say_result(int64_t result) {
    if (result < 0) say("%d", -errno);
    else say("%lld", (long long)result);
}

static void say_status(const struct stat *status) {
    bool is_directory = S_ISDIR(status->st_mode);
    mode_t mode = status->st_mode;
    // Set-gid without the right to execute means nothing, and whether writing clears it differs (docs/semantics.md).
    if (S_ISREG(mode) && !(mode & S_IXGRP)) mode &= ~(mode_t)S_ISGID;
    say("mode %o links %u uid %u gid %u size %lld device %llx", mode, (unsigned)status->st_nlink,
        status->st_uid, status->st_gid, is_directory ? -1LL : (long long)status->st_size,
        (unsigned long long)status->st_rdev);
}

/// The directory around a path, or the tree itself.
static void split(const char *path, char *parent, size_t room) {
    snprintf(parent, room, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) *slash = 0;
    else snprintf(parent, room, ".");
}

static bool differs(struct timespec left, struct timespec right) {
    return left.tv_sec != right.tv_sec || left.tv_nsec != right.tv_nsec;
}

static int compare_names(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void list(int root, const char *path) {
    int descriptor = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return say_result(-1);
    DIR *directory = fdopendir(descriptor);
    char *names[4096];
    size_t count = 0;
    struct dirent *entry;
    errno = 0;
    while (count < 4096 && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *name = malloc(strlen(entry->d_name) + 4);
        sprintf(name, "%s%c", entry->d_name, "0123456789abcdef"[entry->d_type & 15]);
        names[count++] = name;
    }
    int failure = errno;
    closedir(directory);
    if (failure) {
        say("%d", -failure);
    } else {
        qsort(names, count, sizeof names[0], compare_names);
        say("%zu", count);
        for (size_t index = 0; index < count; index++) {
            say(" ");
            for (char *byte = names[index]; *byte; byte++) say("%02x", (uint8_t)*byte);
        }
    }
    for (size_t index = 0; index < count; index++) free(names[index]);
}

/// The whole tree: attributes, content, links and extended attributes.
static void dump(int root, const char *path, int depth) {
    struct stat status;
    if (fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) < 0) return say_result(-1);
    say("{");
    say_status(&status);
    if (S_ISREG(status.st_mode)) {
        int descriptor = openat(root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (descriptor < 0) {
            say(" open %d", -errno);
        } else {
            uint64_t hash = 0;
            ssize_t count;
            while ((count = read(descriptor, bytes, sizeof bytes)) > 0) hash = hash * 31 + digest(bytes, (size_t)count);
            say(" content %llx%s", (unsigned long long)hash, count < 0 ? " failed" : "");
            close(descriptor);
        }
    }
    if (S_ISLNK(status.st_mode)) {
        ssize_t count = readlinkat(root, path, bytes, sizeof bytes);
        say(" target %llx", count < 0 ? 0ULL : (unsigned long long)digest(bytes, (size_t)count));
    }
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
        char place[8192];
        snprintf(place, sizeof place, "/proc/self/fd/%d/%s", root, path);
        ssize_t count = llistxattr(place, bytes, sizeof bytes);
        uint64_t sum = 0;
        for (ssize_t at = 0; at < count; at += (ssize_t)strlen(bytes + at) + 1) {
            char value[65536];
            ssize_t length = lgetxattr(place, bytes + at, value, sizeof value);
            sum += digest(bytes + at, strlen(bytes + at)) ^ digest(value, length < 0 ? 0 : (size_t)length);
        }
        say(" xattrs %llx", (unsigned long long)sum);
    }
    if (S_ISDIR(status.st_mode) && depth < 8) {
        int descriptor = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
        char *names[4096];
        size_t count = 0;
        struct dirent *entry;
        while (directory && count < 4096 && (entry = readdir(directory))) {
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                names[count++] = strdup(entry->d_name);
        }
        if (directory) closedir(directory);
        else say(" list %d", -errno);
        qsort(names, count, sizeof names[0], compare_names);
        for (size_t index = 0; index < count; index++) {
            char below[8192];
            snprintf(below, sizeof below, "%s/%s", path, names[index]);
            say(" ");
            for (char *byte = names[index]; *byte; byte++) say("%02x", (uint8_t)*byte);
            dump(root, below, depth + 1);
            free(names[index]);
        }
    }
    say("}");
}

static int64_t map(int descriptor, off_t offset, size_t count, bool writes, uint64_t seed) {
    off_t start = offset & ~(off_t)4095;
    size_t lead = (size_t)(offset - start);
    struct stat status;
    if (fstat(descriptor, &status) < 0) return -1;
    // The size of a directory is each file system's own.
    if (S_ISDIR(status.st_mode) || offset >= status.st_size) return 0;
    if ((off_t)count > status.st_size - offset) count = (size_t)(status.st_size - offset);
    char *memory = mmap(NULL, lead + count, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, descriptor, start);
    if (memory == MAP_FAILED) return -1;
    int64_t result;
    if (writes) {
        fill(memory + lead, count, seed);
        result = msync(memory, lead + count, MS_SYNC);
    } else {
        result = (int64_t)(digest(memory + lead, count) >> 1);
    }
    munmap(memory, lead + count);
    return result;
}

static long long number(char **words, int index) { return words[index] ? strtoll(words[index], NULL, 0) : 0; }

/// One operation in one tree. `path` and `other` are decoded from the words where the operation has names.
static void perform(struct tree *tree, char **words) {
    static char path[8192], other[8192], value[1 << 17];
    const char *verb = words[0];
    int root = tree->root;
    path[0] = other[0] = 0;
#define IS(name) (strcmp(verb, name) == 0)
#define SLOT(index) tree->slots[number(words, index) % SLOTS]

    if (IS("close")) {
        int descriptor = SLOT(1);
        SLOT(1) = -1;
        return say_result(close(descriptor));
    }
    if (IS("pwrite")) {
        size_t count = (size_t)number(words, 3) % BUFFER;
        fill(bytes, count, (uint64_t)number(words, 4));
        return say_result(pwrite(SLOT(1), bytes, count, number(words, 2)));
    }
    if (IS("write")) {
        size_t count = (size_t)number(words, 2) % BUFFER;
        fill(bytes, count, (uint64_t)number(words, 3));
        return say_result(write(SLOT(1), bytes, count));
    }
    if (IS("pread")) {
        ssize_t count = pread(SLOT(1), bytes, (size_t)number(words, 3) % BUFFER, number(words, 2));
        if (count < 0) return say_result(-1);
        return say("%zd %llx", count, (unsigned long long)digest(bytes, (size_t)count));
    }
    if (IS("map")) return say_result(map(SLOT(1), number(words, 2), (size_t)number(words, 3), false, 0));
    if (IS("mapwrite"))
        return say_result(
            map(SLOT(1), number(words, 2), (size_t)number(words, 3), true, (uint64_t)number(words, 4)));
    if (IS("ftruncate")) return say_result(ftruncate(SLOT(1), number(words, 2)));
    if (IS("fallocate"))
        return say_result(fallocate(SLOT(1), (int)number(words, 2), number(words, 3), number(words, 4)));
    if (IS("copy")) {
        off_t from = number(words, 2), to = number(words, 4);
        return say_result(copy_file_range(SLOT(1), &from, SLOT(3), &to, (size_t)number(words, 5), 0));
    }
    if (IS("seek")) {
        // Where holes are is each file system's own affair, and of the moment; that there is none past the end is not.
        struct stat status;
        if (fstat(SLOT(1), &status) == 0 && S_ISDIR(status.st_mode)) return say("directory");
        off_t position = lseek(SLOT(1), 0, SEEK_CUR);
        off_t found = lseek(SLOT(1), number(words, 2), number(words, 3) ? SEEK_HOLE : SEEK_DATA);
        int cause = errno;
        if (found >= 0) lseek(SLOT(1), position, SEEK_SET);
        errno = cause;
        if (found < 0 && (errno != ENXIO || number(words, 2) >= status.st_size)) return say_result(-1);
        return say("found");
    }
    if (IS("fsync")) return say_result(fsync(SLOT(1)));
    if (IS("fdatasync")) return say_result(fdatasync(SLOT(1)));
    if (IS("fchmod")) return say_result(fchmod(SLOT(1), (mode_t)number(words, 2)));
    if (IS("fstat")) {
        struct stat status;
        if (fstat(SLOT(1), &status) < 0) return say_result(-1);
        return say_status(&status);
    }
    if (IS("flock")) return say_result(flock(SLOT(1), (int)number(words, 2) | LOCK_NB));
    if (IS("lock")) {
        // words[2]: 1 for locks of the open file description.
        struct flock lock = {.l_type = (short)number(words, 3), .l_whence = SEEK_SET, .l_start = number(words, 4),
            .l_len = number(words, 5)};
        return say_result(fcntl(SLOT(1), number(words, 2) ? F_OFD_SETLK : F_SETLK, &lock));
    }
    if (IS("linkslot")) {
        char place[64];
        snprintf(place, sizeof place, "/proc/self/fd/%d", SLOT(1));
        decode(words[2], path, sizeof path);
        return say_result(linkat(AT_FDCWD, place, root, path, AT_SYMLINK_FOLLOW));
    }
    if (IS("umask")) {
        umask((mode_t)number(words, 1));
        return say("0");
    }

    // From here on words[1] is a path.
    decode(words[1], path, sizeof path);
    if (IS("list")) return list(root, path);
    if (IS("dump")) return dump(root, path, 0);
    if (IS("stat")) {
        struct stat status;
        if (fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) < 0) return say_result(-1);
        return say_status(&status);
    }
    if (IS("readlink")) {
        ssize_t count = readlinkat(root, path, bytes, BUFFER);
        if (count < 0) return say_result(-1);
        return say("%zd %llx", count, (unsigned long long)digest(bytes, (size_t)count));
    }
    if (IS("access")) return say_result(faccessat(root, path, (int)number(words, 2), AT_EACCESS));

    // What changes names or attributes leaves traces in times, which are compared too.
    char parent[8192], other_parent[8192];
    struct stat before, after, parent_before, parent_after;
    split(path, parent, sizeof parent);
    bool existed = fstatat(root, path, &before, AT_SYMLINK_NOFOLLOW) == 0;
    bool has_parent = fstatat(root, parent, &parent_before, 0) == 0;
    int64_t result = -1;
    errno = ENOSYS;
    char place[16384];
    snprintf(place, sizeof place, "/proc/self/fd/%d/%s", root, path);

    if (IS("open")) {
        int flags = (int)number(words, 3) | O_CLOEXEC;
        if (SLOT(2) >= 0) close(SLOT(2));
        SLOT(2) = openat(root, path, flags, (mode_t)number(words, 4));
        result = SLOT(2) < 0 ? -1 : 0;
    } else if (IS("tmpfile")) {
        if (SLOT(2) >= 0) close(SLOT(2));
        SLOT(2) = openat(root, path, O_TMPFILE | O_RDWR | O_CLOEXEC, (mode_t)number(words, 3));
        result = SLOT(2) < 0 ? -1 : 0;
    } else if (IS("mkdir")) {
        result = mkdirat(root, path, (mode_t)number(words, 2));
    } else if (IS("mknod")) {
        result = mknodat(root, path, (mode_t)number(words, 2), (dev_t)number(words, 3));
    } else if (IS("symlink")) {
        decode(words[2], other, sizeof other);
        result = symlinkat(other, root, path);
    } else if (IS("unlink")) {
        result = unlinkat(root, path, 0);
    } else if (IS("rmdir")) {
        result = unlinkat(root, path, AT_REMOVEDIR);
    } else if (IS("rename")) {
        decode(words[2], other, sizeof other);
        result = renameat2(root, path, root, other, (unsigned)number(words, 3));
    } else if (IS("link")) {
        decode(words[2], other, sizeof other);
        result = linkat(root, path, root, other, 0);
    } else if (IS("chmod")) {
        result = fchmodat(root, path, (mode_t)number(words, 2), 0);
    } else if (IS("chown")) {
        result = fchownat(root, path, (uid_t)number(words, 2), (gid_t)number(words, 3), AT_SYMLINK_NOFOLLOW);
    } else if (IS("truncate")) {
        result = truncate(place, number(words, 2));
    } else if (IS("utimens")) {
        struct timespec times[2] = {{number(words, 2), number(words, 3)}, {number(words, 4), number(words, 5)}};
        result = utimensat(root, path, times, AT_SYMLINK_NOFOLLOW);
        struct stat status;
        if (result == 0 && fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0
            && number(words, 3) != UTIME_NOW && number(words, 3) != UTIME_OMIT && number(words, 5) != UTIME_NOW
            && number(words, 5) != UTIME_OMIT)
            say("atime %lld.%09ld mtime %lld.%09ld ", (long long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
                (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    } else if (IS("setxattr")) {
        decode(words[2], other, sizeof other);
        size_t count = decode(words[3], value, sizeof value);
        result = lsetxattr(place, other, value, count, (int)number(words, 4));
        other[0] = 0;
    } else if (IS("bigxattr")) {
        decode(words[2], other, sizeof other);
        size_t count = (size_t)number(words, 3) % sizeof value;
        fill(value, count, 1);
        result = lsetxattr(place, other, value, count, (int)number(words, 4));
        other[0] = 0;
    } else if (IS("removexattr")) {
        decode(words[2], other, sizeof other);
        result = lremovexattr(place, other);
        other[0] = 0;
    } else if (IS("getxattr")) {
        decode(words[2], other, sizeof other);
        ssize_t count = lgetxattr(place, other, value, words[3] ? (size_t)number(words, 3) : sizeof value);
        if (count < 0) return say_result(-1);
        return say("%zd %llx", count, (unsigned long long)digest(value, (size_t)count));
    }
    int failure = errno;
    say("%lld", result < 0 ? (long long)-failure : (long long)result);
    // Ext4 makes the whiteout before it finds that it cannot rename, and takes it back.
    if (result < 0 && IS("rename") && (number(words, 3) & RENAME_WHITEOUT)) return;
    if (existed && fstatat(root, path, &after, AT_SYMLINK_NOFOLLOW) == 0 && after.st_ino == before.st_ino) {
        say(" own %s%s", differs(before.st_mtim, after.st_mtim) ? "m" : "", differs(before.st_ctim, after.st_ctim) ? "c" : "");
    }
    if (has_parent && fstatat(root, parent, &parent_after, 0) == 0 && parent_after.st_ino == parent_before.st_ino) {
        say(" parent %s%s", differs(parent_before.st_mtim, parent_after.st_mtim) ? "m" : "",
            differs(parent_before.st_ctim, parent_after.st_ctim) ? "c" : "");
    }
    if (other[0] && (IS("rename") || IS("link"))) {
        split(other, other_parent, sizeof other_parent);
        if (fstatat(root, other, &after, AT_SYMLINK_NOFOLLOW) == 0) {
            say(" ");
            say_status(&after);
            if (existed && after.st_ino == before.st_ino) say(" moved %s", differs(before.st_ctim, after.st_ctim) ? "c" : "");
        }
    } else if (result == 0 && fstatat(root, path, &after, AT_SYMLINK_NOFOLLOW) == 0) {
        say(" ");
        say_status(&after);
    }
}

int main(int count, char **arguments) {
    if (count > 4) {
        const char *mode = arguments[1], *path = arguments[2];
        long first = strtol(arguments[3], NULL, 10), second = strtol(arguments[4], NULL, 10);
        if (strcmp(mode, "file") == 0) return exercise_file(path, (uint64_t)first, second);
        if (strcmp(mode, "appends") == 0) return exercise_appends(path, (int)first, second);
        if (strcmp(mode, "listing") == 0) return exercise_listing(path, first, second);
        if (strcmp(mode, "locks") == 0 && count > 5)
            return exercise_locks(path, (int)first, second, (int)strtol(arguments[5], NULL, 10));
    }
    if (count < 5 || count - 4 > TREES) {
        fprintf(stderr, "usage: argus-exerciser UID GID GROUPS TREE...\n");
        return 2;
    }
    gid_t groups[32];
    int group_count = 0;
    if (strcmp(arguments[3], "-") != 0) {
        for (char *word = strtok(arguments[3], ","); word && group_count < 32; word = strtok(NULL, ","))
            groups[group_count++] = (gid_t)strtoul(word, NULL, 10);
    }
    uid_t uid = (uid_t)strtoul(arguments[1], NULL, 10);
    gid_t gid = (gid_t)strtoul(arguments[2], NULL, 10);
    if (geteuid() == 0 && (setgroups((size_t)group_count, groups) < 0 || setgid(gid) < 0 || setuid(uid) < 0)) {
        perror("setuid");
        return 1;
    }
    // As that account: a personal mount lets nobody else in.
    for (int index = 4; index < count; index++) {
        struct tree *tree = &trees[tree_count++];
        tree->root = open(arguments[index], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (tree->root < 0) {
            perror(arguments[index]);
            return 1;
        }
        for (int slot = 0; slot < SLOTS; slot++) tree->slots[slot] = -1;
    }
    umask(022);

    static char line[1 << 19];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *words[WORDS + 1] = {0};
        int word_count = 0;
        for (char *word = strtok(line, " "); word && word_count < WORDS; word = strtok(NULL, " ")) words[word_count++] = word;
        output_length = 0;
        output[0] = 0;
        for (int index = 0; index < tree_count && word_count > 0; index++) {
            if (index > 0) say("\t");
            perform(&trees[index], words);
        }
        fputs(output, stdout);
        fputc('\n', stdout);
        fflush(stdout);
    }
    return 0;
}
