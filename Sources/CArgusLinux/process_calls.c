#define _GNU_SOURCE
#include "process_calls.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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
