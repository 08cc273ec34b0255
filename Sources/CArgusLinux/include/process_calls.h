#pragma once
#include <stddef.h>
#include <stdint.h>

// What the command line and the driver process ask of Linux and Swift cannot say itself. Every function
// returns what its system call returns, -1 with errno where that does.

// prctl(2), PR_SET_DUMPABLE: 0 keeps core dumps, ptrace and /proc/PID/mem away from this process.
int argus_set_dumpable(int dumpable);
// Makes /dev/null of each standard descriptor that the caller left closed: what is opened later must not take its place.
int argus_open_standard_descriptors(void);
// setrlimit(2), RLIMIT_CORE: no core file, soft and hard.
int argus_forbid_core_dumps(void);
// setrlimit(2), RLIMIT_NOFILE: as many descriptors as the hard limit allows.
int argus_raise_descriptor_limit(void);
// prctl(2), PR_SET_NAME: the name that ps(1) shows, at most 15 bytes.
int argus_set_process_name(const char *name);

// keyctl(2). The keyring of the caller's uid holds "user" keys; ids are key serial numbers.
int32_t argus_keyring_find(const char *description);
// Adds the key, readable by every process of this uid, and lets it vanish after `timeout_seconds` (0: never).
int32_t argus_keyring_add(const char *description, const void *payload, size_t count, unsigned timeout_seconds);
// Reads at most `count` bytes; returns the payload's whole length.
long argus_keyring_read(int32_t key, void *payload, size_t count);
// Makes the key unusable at once, wherever it is linked.
int argus_keyring_invalidate(int32_t key);

// pidfd_open(2).
int argus_pidfd_open(int32_t pid);
// umount2(2) with UMOUNT_NOFOLLOW, and MNT_DETACH where `lazily` is not 0.
int argus_unmount(const char *path, int lazily);
// getxattr(2).
long argus_getxattr(const char *path, const char *name, void *value, size_t count);
// getsockopt(2), SO_PEERCRED: who connected the socket.
int argus_peer_credentials(int socket, uint32_t *uid, int32_t *pid);
// accept4(2) with SOCK_CLOEXEC.
int argus_accept(int socket);
// open(2) with O_PATH | O_CLOEXEC, O_DIRECTORY where `directory` is not 0: names a place without touching it.
int argus_open_path(const char *path, int directory);

// posix_spawn(3): starts `path` in the directory `/` with exactly three descriptors, those given, an empty signal
// mask and default signal actions. The child stays in the caller's session: automount points let only the process
// group through that mounts them. Returns 0 or an errno.
int argus_spawn(
    int32_t *pid, const char *path, char *const argv[], char *const envp[], int standard_input, int standard_output,
    int standard_error);

// kcmp(2), KCMP_VM: 1 where both have the same address space, 0 where not, -1 where it cannot be told.
int argus_shares_memory(int32_t first, int32_t second);
// open(2) of the link "exe" in the directory of a process in /proc, followed, with O_PATH | O_CLOEXEC.
int argus_open_program(int process_directory);

// The state of a file, by which a content is known again: who could change the content changes one of these.
struct argus_file_state {
    uint32_t device_major, device_minor;
    uint64_t inode, size;
    int64_t modified_seconds, changed_seconds;
    uint32_t modified_nanoseconds, changed_nanoseconds;
    uint32_t mode;
};
// statx(2) of an open file with AT_STATX_DONT_SYNC: no request to whoever serves the file system, which may be the caller.
int argus_read_file_state(int file, struct argus_file_state *state);
// fstatfs(2): 1 where the file lies on a FUSE mount, 0 where not.
int argus_is_on_fuse(int file);
