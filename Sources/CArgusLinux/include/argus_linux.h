#pragma once
#include "system_memory.h"
#include "system_threads.h"
#include "process_calls.h"
#include "storage_calls.h"
#include "fuse_calls.h"
