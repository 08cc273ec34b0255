#pragma once

#include <pthread.h>

/// An adaptive mutex: a waiter spins briefly before it sleeps. 0, or an errno.
int argus_system_mutex_init(pthread_mutex_t *_Nonnull mutex);

/// A read-write lock at which waiting writers pass new readers. Not recursive. 0, or an errno.
int argus_system_rwlock_init(pthread_rwlock_t *_Nonnull lock);

/// A condition whose timed waits go by CLOCK_MONOTONIC. 0, or an errno.
int argus_system_cond_init(pthread_cond_t *_Nonnull condition);

/// Starts a thread that leaves SIGHUP, SIGINT, SIGQUIT and SIGTERM to the others. 0, or an errno.
int argus_system_thread_start(pthread_t *_Nonnull thread, const char *_Nonnull name,
                              void *_Nullable (*_Nonnull body)(void *_Nullable), void *_Nullable argument);
