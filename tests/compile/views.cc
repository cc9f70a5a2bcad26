#include <string>

#include "codec/framing.h"

std::string page();

// refuse: use of deleted function
auto f() { return leat::codec::find_records(page(), "/data"); }

// refuse: use of deleted function
auto f(leat::codec::JsonPage& parsed) { return parsed.load(page()); }
