// The flag for processes that bodies pass through: engines, routers, gateways. Bodies are memory outside of the heap and garbage a moment later;
// V8 takes them for growth of its old generation and looks through all of that whenever some tens of megabytes have passed, 5 to 40 ms in which
// nothing is read. Below the floor it collects the young generation alone, which is enough, in a millisecond.

/** Above what lives in the process by the 32 MiB of young bodies after which V8 collects those by itself, and by what it reserves for the young. */
export const oldSpaceFloor = (mib: number): string => `--initial-old-space-size=${mib}`;
