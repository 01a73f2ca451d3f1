// Runs the threads of a kernel on one CPU thread, in an order that the seed decides. Where threads
// wait for each other each is a fibre, and some blocks are under way at the same time: a fibre runs
// until it waits, so nothing holds threads together but what the kernel says.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

struct Dim { unsigned x, y, z; };
extern "C" { Dim threadIdx, blockIdx, blockDim, gridDim; }

namespace {

const unsigned WARP = 32, MOST_THREADS = 1024;
const unsigned FULL = 0xffffffffu;
const unsigned RESIDENT = 4;  // blocks under way at the same time
const size_t STACK = 128 << 10;

enum State { READY, AT_WARP, AT_SHUFFLE, AT_BLOCK, DONE };

// GCC's own setjmp, which keeps no more than it must, so that fibres change in a few nanoseconds.
// noipa: nobody may assume that a function which comes back by it leaves any register alone.
typedef void* Place[5];

struct Fibre {
    Place here;
    char* stack;
    bool started;
    State state;
    int line, other;
    unsigned long long sent, received;
};

struct Block {
    Fibre fibres[MOST_THREADS];
    char* shared;  // what its threads share, while another block has the place of it
    unsigned number;
    bool busy;
    // Some threads of one warp that fall behind: until so many blocks have ended, until the next
    // barrier, or until nobody else can go on.
    unsigned slow_warp, slow_lanes, slow_until;
};

struct Stop {};  // thrown through the kernel's frames

Block resident[RESIDENT];
Block* now;  // the block that runs
Fibre* fibres;  // its threads
unsigned ended;  // blocks
Place scheduler;
void (*body)(char*);
char* slots;
char message[512];
int error;  // 0: none; n + 1: of argument n; -1: of something else
bool collective;
unsigned long long randomness;

unsigned random_below(unsigned n)
{
    randomness ^= randomness << 13, randomness ^= randomness >> 7, randomness ^= randomness << 17;
    return unsigned((randomness >> 32) * n >> 32);
}

[[noreturn]] void fail(int which, const char* format, ...)
{
    va_list rest;
    va_start(rest, format);
    vsnprintf(message, sizeof message, format, rest);
    va_end(rest);
    error = which;
    throw Stop();
}

const char* name_of(const Fibre& f)
{
    static char names[4][64];
    static int next;
    char* name = names[next++ % 4];
    const char* what = f.state == AT_WARP ? "__syncwarp" : f.state == AT_BLOCK ? "__syncthreads" : "a shuffle";
    if (f.state == DONE) return "the end of the kernel";
    snprintf(name, sizeof names[0], "%s (line %d)", what, f.line);
    return name;
}

// --- fibres -------------------------------------------------------------------------------------

// The threads whose turn it is, in their order; each hands over to the next by itself.
unsigned turns[WARP], turn, turns_given;

[[noreturn, gnu::noipa]] void go_to(Place& place) { __builtin_longjmp(place, 1); }

[[noreturn, gnu::noipa]] void hand_over()
{
    if (error || turn == turns_given || !fibres[turns[turn]].started) go_to(scheduler);
    threadIdx.x = turns[turn++];
    go_to(fibres[threadIdx.x].here);
}

[[gnu::noipa]] void pause() { if (__builtin_setjmp(fibres[threadIdx.x].here) == 0) hand_over(); }

void fibre_main()
{
    for (;;) {
        unsigned me = threadIdx.x;
        try { body(slots); } catch (Stop&) {}
        fibres[me].state = DONE;
        pause();
    }
}

[[gnu::noipa]] void start(unsigned thread)
{
    Fibre& f = fibres[thread];
    if (!f.stack)
        f.stack = static_cast<char*>(mmap(
            nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    f.started = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = f.stack;
    // Tops of stacks that are a power of two apart would all take the same place in the cache.
    context.uc_stack.ss_size = STACK - thread % 64 * 320;
    context.uc_link = nullptr;
    makecontext(&context, fibre_main, 0);
    setcontext(&context);
}

// Runs the threads that ``turns`` lists until each waits or ends.
[[gnu::noipa]] void take_turns()
{
    turn = 0;
    (void)__builtin_setjmp(scheduler);
    if (error || turn == turns_given) return;
    threadIdx.x = turns[turn++];
    if (fibres[threadIdx.x].started) go_to(fibres[threadIdx.x].here);
    start(threadIdx.x);
}

// Lets the warp go on if all its threads wait for each other at the same place.
bool release_warp(unsigned start)
{
    Fibre* lanes = fibres + start;
    for (unsigned i = 0; i < WARP; ++i)
        if (lanes[i].state != lanes[0].state || lanes[i].line != lanes[0].line
            || lanes[i].other != lanes[0].other)
            return false;
    if (lanes[0].state != AT_WARP && lanes[0].state != AT_SHUFFLE) return false;
    for (unsigned i = 0; i < WARP; ++i) {
        lanes[i].received = lanes[i ^ unsigned(lanes[i].other)].sent;
        lanes[i].state = READY;
    }
    return true;
}

void make_ready(Block& b)
{
    for (unsigned t = 0; t < blockDim.x; ++t) b.fibres[t].state = READY;
    // The first warp is the one that kernels give a part of its own.
    b.slow_warp = random_below(2) * random_below((blockDim.x + WARP - 1) / WARP) * WARP;
    b.slow_lanes = random_below(4) ? 0 : random_below(FULL);
    b.slow_until = ended + random_below(16);
}

// Lets the block go on if all its threads wait at one barrier; says what is wrong if they do not.
bool release_block()
{
    const Fibre& first = fibres[0];
    bool same = true, ended = true;
    for (unsigned t = 0; t < blockDim.x; ++t) {
        same = same && fibres[t].state == AT_BLOCK && fibres[t].line == first.line;
        ended = ended && fibres[t].state == DONE;
    }
    if (ended) return false;
    if (!same) {
        for (unsigned t = 1; t < blockDim.x; ++t) {
            const Fibre& f = fibres[t];
            if (f.state != first.state || f.line != first.line || f.other != first.other) {
                threadIdx.x = t;
                fail(-1, "its threads wait for each other in vain: thread 0 of block %u at %s, thread %u at %s",
                     blockIdx.x, name_of(first), t, name_of(f));
            }
        }
        fail(-1, "a warp of fewer than 32 threads waits at %s", name_of(first));
    }
    make_ready(*now);
    return true;
}

// Runs the threads of a warp until they wait; returns whether any could run.
bool run_warp(unsigned start)
{
    const unsigned offset = random_below(WARP), step = 2 * random_below(WARP / 2) + 1;
    const unsigned slow = now->slow_warp == start ? now->slow_lanes : 0;
    turns_given = 0;
    for (unsigned i = 0; i < WARP; ++i) {
        const unsigned lane = (offset + i * step) % WARP, t = start + lane;
        if (t < blockDim.x && fibres[t].state == READY && !(slow >> lane & 1)) turns[turns_given++] = t;
    }
    if (!turns_given) return false;
    take_turns();
    if (error) throw Stop();
    if (start + WARP <= blockDim.x) release_warp(start);
    return true;
}

// Goes on with some of the block's warps, some ahead of the others; returns whether any could run.
bool advance()
{
    const unsigned warps = (blockDim.x + WARP - 1) / WARP, first = random_below(warps);
    bool moved = false;
    for (unsigned w = 0; w < warps; ++w) {
        while (run_warp((first + w) % warps * WARP)) {
            moved = true;
            if (random_below(4) == 0) break;
        }
        if (moved && random_below(16) == 0) break;
    }
    return moved;
}

void begin(Block& b, unsigned number, size_t shared_bytes)
{
    b.busy = true, b.number = number;
    b.shared = static_cast<char*>(realloc(b.shared, shared_bytes + 1));
    memset(b.shared, random_below(4) ? 0xff : 0, shared_bytes);
    make_ready(b);
}

void run_together(const unsigned* order, unsigned blocks, char* shared, size_t shared_bytes)
{
    ended = 0;
    for (unsigned next = 0, busy = 0, idle = 0;;) {
        for (Block& b : resident)
            if (!b.busy && next < blocks) begin(b, order[next++], shared_bytes), busy += 1;
        if (busy == 0) return;
        Block& b = resident[random_below(RESIDENT)];
        if (!b.busy) continue;
        now = &b, fibres = b.fibres, blockIdx.x = b.number;
        memcpy(shared, b.shared, shared_bytes);
        if (ended >= b.slow_until) b.slow_lanes = 0;
        if (advance()) idle = 0;
        else if (b.slow_lanes) {
            if (++idle > 4 * RESIDENT) b.slow_lanes = idle = 0;
        } else if (!release_block()) b.busy = false, busy -= 1, ended += 1;
        memcpy(b.shared, shared, shared_bytes);
    }
}

void forget_all()
{
    for (Block& b : resident) {
        b.busy = false;
        for (Fibre& f : b.fibres) f.started = false;  // what is left of it is never gone on with
    }
}

void run_one_by_one()
{
    unsigned offset = random_below(blockDim.x);
    for (unsigned i = 0; i < blockDim.x; ++i) {
        threadIdx.x = (offset + i) % blockDim.x;
        body(slots);
    }
}

void wait(State state, unsigned mask, int other, int line)
{
    if (!collective) fail(-1, "line %d waits for other threads, which was not seen in the text", line);
    Fibre& f = fibres[threadIdx.x];
    if (mask != FULL) fail(-1, "line %d names some threads of the warp only (mask %#x)", line, mask);
    f.state = state, f.line = line, f.other = other;
    pause();
}

}  // namespace

// --- for the kernels ----------------------------------------------------------------------------

extern "C" {

void stand_in_syncthreads(int line) { wait(AT_BLOCK, FULL, 0, line); }
void stand_in_syncwarp(unsigned mask, int line) { wait(AT_WARP, mask, 0, line); }

unsigned long long stand_in_shuffle_xor(unsigned mask, unsigned long long bits, int other, int line)
{
    if (other < 0 || other >= int(WARP)) fail(-1, "line %d shuffles with lane ^ %d", line, other);
    unsigned me = threadIdx.x;
    if (collective) fibres[me].sent = bits;
    wait(AT_SHUFFLE, mask, other, line);
    return fibres[me].received;
}

void stand_in_outside(long long argument, long long index)
{
    fail(int(argument) + 1, "element %lld is accessed, which is outside of the array (block %u, thread %u)",
         index, blockIdx.x, threadIdx.x);
}

// --- for the host -------------------------------------------------------------------------------

// Runs a kernel; returns 0, or 1 + the number of the argument that was overrun, or -1.
int stand_in_launch(
    void (*kernel)(char*), char* arguments, unsigned blocks, unsigned threads, int together,
    unsigned long long seed, int flush, char* shared, size_t shared_bytes)
{
    body = kernel, slots = arguments, collective = together, error = 0;
    randomness = seed * 0x9E3779B97F4A7C15u | 1;
    for (int i = 0; i < 8; ++i) random_below(2);
    blockIdx = {0, 0, 0}, gridDim = {blocks, 1, 1}, blockDim = {threads, 1, 1};
    unsigned* order = static_cast<unsigned*>(malloc(blocks * sizeof *order));
    for (unsigned b = 0; b < blocks; ++b) {
        unsigned other = random_below(b + 1);
        order[b] = order[other], order[other] = b;
    }
#if defined(__SSE__)
    const unsigned control = _mm_getcsr();
    if (flush) _mm_setcsr(control | 0x8040);  // denormals are 0, as operands and as results
#elif defined(__aarch64__)
    unsigned long long control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    if (flush) asm volatile("msr fpcr, %0" : : "r"(control | 1 << 24));
#endif
    try {
        if (together) run_together(order, blocks, shared, shared_bytes);
        for (unsigned b = 0; b < blocks && !together; ++b) {
            blockIdx.x = order[b];
            memset(shared, 0xff, shared_bytes);
            run_one_by_one();
        }
    } catch (Stop&) {
        forget_all();
    }
#if defined(__SSE__)
    _mm_setcsr(control);
#elif defined(__aarch64__)
    asm volatile("msr fpcr, %0" : : "r"(control));
#endif
    free(order);
    return error;
}

const char* stand_in_message(void) { return message; }

}  // extern "C"
