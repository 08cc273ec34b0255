#pragma once

#include <stdarg.h>
#include <stddef.h>

/// Takes a line that libfuse would print (fuse_log.h), and keeps it for `argus_fuse_last_message`.
void argus_fuse_keep_message(unsigned level, const char *_Nonnull format, va_list arguments);

/// The last line that libfuse wrote on this thread, without the newline; empty where it wrote none since
/// `argus_fuse_forget_message`. Valid until libfuse writes again on this thread.
const char *_Nonnull argus_fuse_last_message(void);
void argus_fuse_forget_message(void);

/// A counter to wake poll(2) with (eventfd(2), nonblocking, close-on-exec). A descriptor, or -1 with errno.
int argus_fuse_eventfd(void);

/// A second descriptor of the same open file, close-on-exec, whose reads no longer wait (fcntl(2), O_NONBLOCK: the
/// open file's, so of both descriptors). A descriptor, or -1 with errno.
int argus_fuse_duplicate_nonblocking(int descriptor);

/// Pages outside core dumps (mmap(2), MADV_DONTDUMP), `count` a multiple of the page size. Null where memory lacks.
void *_Nullable argus_fuse_map_buffer(size_t count);

/// Wipes and unmaps what `argus_fuse_map_buffer` gave.
void argus_fuse_unmap_buffer(void *_Nonnull buffer, size_t count);
