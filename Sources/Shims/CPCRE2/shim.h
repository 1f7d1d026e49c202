// The functions of the 8-bit library; without it the header declares none.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
