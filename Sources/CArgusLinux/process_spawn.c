#define _GNU_SOURCE
#include "process_calls.h"

#include <signal.h>
#include <spawn.h>

int argus_spawn(
    int32_t *pid, const char *path, char *const argv[], char *const envp[], int standard_input, int standard_output,
    int standard_error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);

    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    // The three descriptors must be above 2, or one dup2 would overwrite another's source.
    if ((error = posix_spawn_file_actions_adddup2(&actions, standard_input, 0)) == 0
        && (error = posix_spawn_file_actions_adddup2(&actions, standard_output, 1)) == 0
        && (error = posix_spawn_file_actions_adddup2(&actions, standard_error, 2)) == 0
        && (error = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) == 0
        && (error = posix_spawn_file_actions_addchdir_np(&actions, "/")) == 0
        && (error = posix_spawnattr_setsigmask(&attributes, &none)) == 0
        && (error = posix_spawnattr_setsigdefault(&attributes, &all)) == 0
        && (error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) == 0)
        error = posix_spawn(pid, path, &actions, &attributes, argv, envp);

    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}
