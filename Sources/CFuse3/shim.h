#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <fuse3/fuse_log.h>
#include <linux/fuse.h>

void argus_fuse_keep_message(unsigned level, const char *format, va_list arguments);

/// Sends what libfuse would print to `argus_fuse_keep_message`: a va_list cannot be received in Swift.
static inline void argus_fuse_keep_messages(void) {
    fuse_set_log_func((fuse_log_func_t)argus_fuse_keep_message);
}
