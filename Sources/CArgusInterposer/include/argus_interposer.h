// Stands between a test program and the C library's file calls: tells what is done to files, makes calls fail.
//
// Part of test programs only: its definitions of fsync(2) and the others come before those of the C library.
#ifndef ARGUS_INTERPOSER_H
#define ARGUS_INTERPOSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum argus_call_kind {
    argus_call_open,
    argus_call_read,
    argus_call_write,
    argus_call_truncate,
    argus_call_allocate,
    argus_call_punch_hole,
    argus_call_sync_file,
    argus_call_sync_filesystem,
    argus_call_rename,
    argus_call_remove,
    argus_call_make_directory,
    argus_call_map,
    argus_call_unmap,
};

// One call as it was made. What a kind of call has no use for is 0.
struct argus_call {
    enum argus_call_kind kind;
    // The file, or the directory that the name is relative to (AT_FDCWD for a path alone).
    int descriptor;
    const char *name;
    const char *new_name;
    int flags;
    const void *bytes;
    uint64_t offset;
    uint64_t count;
    // Of a mapping.
    void *address;
};

struct argus_verdict {
    // The errno that the call fails with, without being made; 0: it is made.
    int error;
    // A read or write moves at most that many bytes.
    uint64_t count_max;
};

// `before` is asked ahead of each call, and says whether `after` is to be told its result (-1: it failed). Neither is
// called for what they do themselves. Both are set once a process.
typedef bool (*argus_before_call)(const struct argus_call *call, struct argus_verdict *verdict);
typedef void (*argus_after_call)(const struct argus_call *call, int64_t result);
void argus_intercept(argus_before_call before, argus_after_call after);

// While off, calls go straight through.
void argus_set_intercepting(bool isOn);

// What this thread reads from /proc/sys/kernel/random/boot_id, 36 characters; null: the truth.
void argus_pretend_boot_id(const char *boot_id);

#endif
