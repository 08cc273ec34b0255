#include "argus_linux.h"
