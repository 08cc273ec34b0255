#pragma once

/// Whether openat2(2) works below this directory: Linux 5.6 has it, and sandboxes sometimes forbid it.
int argus_can_open_beneath(int directory);

/// Opens `path` below `directory` without following a symbolic link or crossing a mount anywhere (openat2(2)).
/// O_CLOEXEC and O_NOFOLLOW are always set. A descriptor, or -1 with errno.
int argus_open_beneath(int directory, const char *_Nonnull path, int flags, unsigned mode);

/// The same for kernels without openat2(2), by one openat(2) a component; it does not notice a mount on the way.
int argus_open_beneath_in_steps(int directory, const char *_Nonnull path, int flags, unsigned mode);
