#define _GNU_SOURCE
#include "process_calls.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

int argus_set_dumpable(int dumpable)
{
    return prctl(PR_SET_DUMPABLE, (unsigned long)dumpable, 0, 0, 0);
}

int argus_set_process_name(const char *name)
{
    return prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0);
}

int argus_open_standard_descriptors(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++) {
        if (fcntl(descriptor, F_GETFD) == -1 && open("/dev/null", O_RDWR) != descriptor)
            return -1;
    }
    return 0;
}

int argus_forbid_core_dumps(void)
{
    struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none);
}

int argus_raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

int argus_pidfd_open(int32_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int argus_unmount(const char *path, int lazily)
{
    return umount2(path, UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0));
}

long argus_getxattr(const char *path, const char *name, void *value, size_t count)
{
    return getxattr(path, name, value, count);
}

int argus_peer_credentials(int socket, uint32_t *uid, int32_t *pid)
{
    struct ucred credentials = {0};
    socklen_t length = sizeof credentials;
    int result = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
    if (result == 0) {
        *uid = credentials.uid;
        *pid = credentials.pid;
    }
    return result;
}

int argus_accept(int socket)
{
    return accept4(socket, NULL, NULL, SOCK_CLOEXEC);
}

int argus_open_path(const char *path, int directory)
{
    return open(path, O_PATH | O_CLOEXEC | (directory ? O_DIRECTORY : 0));
}

int argus_shares_memory(int32_t first, int32_t second)
{
    long order = syscall(SYS_kcmp, first, second, KCMP_VM, 0, 0);
    return order < 0 ? -1 : order == 0;
}

int argus_open_program(int process_directory)
{
    return openat(process_directory, "exe", O_PATH | O_CLOEXEC);
}

int argus_read_file_state(int file, struct argus_file_state *state)
{
    struct statx found;
    unsigned wanted = STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME;
    if (statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted, &found) != 0)
        return -1;
    *state = (struct argus_file_state){
        .device_major = found.stx_dev_major,
        .device_minor = found.stx_dev_minor,
        .inode = found.stx_ino,
        .size = found.stx_size,
        .modified_seconds = found.stx_mtime.tv_sec,
        .modified_nanoseconds = found.stx_mtime.tv_nsec,
        .changed_seconds = found.stx_ctime.tv_sec,
        .changed_nanoseconds = found.stx_ctime.tv_nsec,
        .mode = found.stx_mode,
    };
    return 0;
}

int argus_is_on_fuse(int file)
{
    struct statfs found;
    return fstatfs(file, &found) == 0 && (unsigned long)found.f_type == 0x65735546;
}
