/* A wall clock that is set back by an hour every seventh time somebody looks at it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *time) {
    static int (*original)(clockid_t, struct timespec *);
    static long looks;
    if (!original) original = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = original(id, time);
    if (result == 0 && id == CLOCK_REALTIME) time->tv_sec -= 3600 * (++looks / 7);
    return result;
}
