#define _GNU_SOURCE
#include "system_threads.h"

#include <signal.h>
#include <stdio.h>

int argus_system_mutex_init(pthread_mutex_t *mutex) {
    pthread_mutexattr_t attributes;
    int status = pthread_mutexattr_init(&attributes);
    if (status != 0) {
        return status;
    }
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    status = pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return status;
}

int argus_system_rwlock_init(pthread_rwlock_t *lock) {
    pthread_rwlockattr_t attributes;
    int status = pthread_rwlockattr_init(&attributes);
    if (status != 0) {
        return status;
    }
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    status = pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return status;
}

int argus_system_cond_init(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    int status = pthread_condattr_init(&attributes);
    if (status != 0) {
        return status;
    }
    status = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (status == 0) {
        status = pthread_cond_init(condition, &attributes);
    }
    pthread_condattr_destroy(&attributes);
    return status;
}

int argus_system_thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *argument) {
    sigset_t ours, before;
    sigemptyset(&ours);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGQUIT);
    sigaddset(&ours, SIGTERM);
    int status = pthread_sigmask(SIG_BLOCK, &ours, &before);
    if (status != 0) {
        return status;
    }
    status = pthread_create(thread, NULL, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0) {
        char shortened[16];  // The kernel keeps 15 bytes of a thread's name (pthread_setname_np(3)).
        snprintf(shortened, sizeof shortened, "%s", name);
        pthread_setname_np(*thread, shortened);
    }
    return status;
}

static _Thread_local struct argus_wait_notice wait_notice;

void argus_system_set_wait_notice(struct argus_wait_notice notice) { wait_notice = notice; }

bool argus_system_has_wait_notice(void) { return wait_notice.will_wait != NULL; }

void argus_system_give_wait_notice(void) {
    struct argus_wait_notice notice = wait_notice;
    if (notice.will_wait != NULL) {
        wait_notice.will_wait = NULL;
        wait_notice.may_hang = NULL;
        notice.will_wait(notice.context);
    }
}

void argus_system_give_hang_notice(void) {
    struct argus_wait_notice notice = wait_notice;
    if (notice.may_hang != NULL) {
        wait_notice.may_hang = NULL;
        notice.may_hang(notice.context);
    }
}
