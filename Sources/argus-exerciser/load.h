#pragma once

#include <stdint.h>

int exercise_file(const char *path, uint64_t seed, long steps);
int exercise_appends(const char *path, int writers, long rounds);
int exercise_locks(const char *path, int writers, long rounds, int kind);
int exercise_listing(const char *path, long count, long rounds);
