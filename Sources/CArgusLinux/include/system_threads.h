#pragma once

#include <pthread.h>
#include <stdbool.h>

/// An adaptive mutex: a waiter spins briefly before it sleeps. 0, or an errno.
int argus_system_mutex_init(pthread_mutex_t *_Nonnull mutex);

/// A read-write lock at which waiting writers pass new readers. Not recursive. 0, or an errno.
int argus_system_rwlock_init(pthread_rwlock_t *_Nonnull lock);

/// A condition whose timed waits go by CLOCK_MONOTONIC. 0, or an errno.
int argus_system_cond_init(pthread_cond_t *_Nonnull condition);

/// Starts a thread that leaves SIGHUP, SIGINT, SIGQUIT and SIGTERM to the others. 0, or an errno.
int argus_system_thread_start(pthread_t *_Nonnull thread, const char *_Nonnull name,
                              void *_Nullable (*_Nonnull body)(void *_Nullable), void *_Nullable argument);

/// What a thread calls before it may wait, and before it may hang; nothing where they are null.
struct argus_wait_notice {
    void (*_Nullable will_wait)(void *_Nullable context);
    void (*_Nullable may_hang)(void *_Nullable context);
    void *_Nullable context;
};

/// Sets the calling thread's notice in place of the one before.
void argus_system_set_wait_notice(struct argus_wait_notice notice);

/// Whether the calling thread has a notice to give.
bool argus_system_has_wait_notice(void);

/// Calls `will_wait` of the calling thread's notice, once for each time it was set.
void argus_system_give_wait_notice(void);

/// Calls `may_hang` of the calling thread's notice, once for each time it was set, and not after `will_wait`.
void argus_system_give_hang_notice(void);
