#include <string>

#include "base/result.h"

[[maybe_unused]] static leat::Result<int> number() { return 1; }
[[maybe_unused]] static leat::Result<void> act() { return {}; }

// refuse: nodiscard
void f() { number(); }

// refuse: nodiscard
void f() { act(); }

// refuse: (could not convert|cannot convert|conversion)
int f() { return number(); }
