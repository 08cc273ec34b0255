#include <sqlite3.h>

// sqlite3_db_config(3) is variadic, which Swift cannot call.
static inline int argus_sqlite3_set_defensive(sqlite3 *connection) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
}
