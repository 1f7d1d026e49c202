// Linux calls and constants that the Glibc module does not offer to Swift.
#pragma once
