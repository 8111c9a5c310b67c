#include "line.h"

int main(void) {
    double y, g;
    if (f(3.0, &y, 0) != 0 || y != 7.0)
        return 1;
    if (slope(3.0, &g, 0) != 0 || g != 2.0)
        return 2;
    return line_error(0) ? 3 : 0;
}
