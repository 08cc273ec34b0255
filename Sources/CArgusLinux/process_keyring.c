#include "process_calls.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// keyctl_setperm(3): everything for who possesses the key and for processes of its uid, nothing for others.
enum { possessor_all = 0x3f000000, user_all = 0x003f0000 };

int32_t argus_keyring_find(const char *description)
{
    return (int32_t)syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", description, 0);
}

int32_t argus_keyring_add(const char *description, const void *payload, size_t count, unsigned timeout_seconds)
{
    // A session need not possess the keyring of its uid, and only who possesses a key may set its permissions: so it
    // is made in the thread's own keyring, then linked to the lasting one.
    long key = syscall(SYS_add_key, "user", description, payload, count, KEY_SPEC_THREAD_KEYRING);
    if (key < 0)
        return -1;
    if (syscall(SYS_keyctl, KEYCTL_SETPERM, key, possessor_all | user_all) < 0
        || syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key, timeout_seconds) < 0
        || syscall(SYS_keyctl, KEYCTL_LINK, key, KEY_SPEC_USER_KEYRING) < 0) {
        int cause = errno;
        syscall(SYS_keyctl, KEYCTL_INVALIDATE, key);
        errno = cause;
        return -1;
    }
    return (int32_t)key;
}

long argus_keyring_read(int32_t key, void *payload, size_t count)
{
    return syscall(SYS_keyctl, KEYCTL_READ, key, payload, count);
}

int argus_keyring_invalidate(int32_t key)
{
    return (int)syscall(SYS_keyctl, KEYCTL_INVALIDATE, key);
}
