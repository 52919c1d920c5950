#include "values.h"
void borel_lua_open_scan(lua_State *L) { (void)L; }
